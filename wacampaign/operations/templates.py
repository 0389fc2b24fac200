"""The templates that one campaign may use together."""

from collections.abc import Sequence
from dataclasses import dataclass

from wacampaign.core.numbers import KnownNumber
from wacampaign.core.templates import KnownTemplate
from wacampaign.problems import Refused, Usage


@dataclass(frozen=True, slots=True)
class Choice:
    """Templates that one list of contacts can fill."""

    templates: tuple[KnownTemplate, ...]

    @property
    def names(self) -> list[str]:
        return [template.name for template in self.templates]


def choose_templates(
    known: Sequence[KnownTemplate], number: KnownNumber, names: Sequence[str]
) -> Choice:
    """The templates named, if one list can fill them all.

    Raises `Refused` for one that is unknown or cannot be sent, `Usage` for a name given twice and
    for templates that need different columns.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise Usage(f"the template {repeated[0]} is given twice", "name each template once")
    by_name = {template.name: template for template in known}
    sync = f"wacampaign templates sync --number {number.phone_number_id}"
    chosen: list[KnownTemplate] = []
    for name in names:
        template = by_name.get(name)
        if template is None:
            raise Refused(f"{number.label} has no template {name!r} that is known here", sync)
        if not template.is_active:
            raise Refused(f"Meta no longer has the template {name!r} (by the last sync)", sync)
        if template.status != "APPROVED":
            raise Refused(
                f"the template {name!r} is {template.status or 'of unknown status'}, "
                "only an APPROVED one can be sent",
                f"wait for Meta's approval, then: {sync}",
            )
        if template.unusable is not None:
            raise Refused(f"the template {name!r} cannot be used: {template.unusable}", sync)
        chosen.append(template)
    if len({(template.shape.count, template.header_media) for template in chosen}) > 1:
        listed = "; ".join(f"{template.name}: {template.needs_in_words}" for template in chosen)
        raise Usage(
            f"the templates need different columns, so one list cannot fill them all ({listed})",
            "one campaign for each kind, or choose templates with the same variables",
        )
    return Choice(tuple(chosen))
