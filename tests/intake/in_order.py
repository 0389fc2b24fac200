"""A list read with its columns in order, the phone first, into a body of as many variables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from wacampaign.core.columns.choice import ColumnChoice, Filled, Way
from wacampaign.core.columns.reading import ListReading, row_reading
from wacampaign.core.columns.wanted import wanted_by
from wacampaign.core.template.row_check import RowCheck
from wacampaign.core.template.shape import shape_of
from wacampaign.intake import contacts
from wacampaign.intake.layout import Layout


def in_order(layout: Layout) -> ListReading:
    """Column 1 is the phone, all others are var1, var2, …"""
    others = range(1, layout.columns)
    components = [{"type": "BODY", "text": " ".join(f"{{{{{n}}}}}" for n in others)}]
    shape = shape_of(components)
    wanted = wanted_by(shape)
    filled = tuple(Filled(place, at) for place, at in zip(wanted, others, strict=True))
    choice = ColumnChoice(Way.POSITION, 0, filled, (), is_reordered=False)
    return ListReading(0, (row_reading(wanted, choice, RowCheck(components, shape)),))


def survey(path: Path, **options: Any) -> contacts.Survey:
    """A survey of a list whose columns are in order."""
    return contacts.survey(path, in_order, **options)


def survey_of_two(path: Path) -> contacts.Survey:
    """The same when nothing needs more than its first two columns."""
    return contacts.survey(path, lambda layout: in_order(replace(layout, columns=2)))
