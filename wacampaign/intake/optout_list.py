"""A list of people who want no marketing: phones in any form, since when and why if it says so.

Read row by row, as often as it is wanted; nothing is kept of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.cells import cell
from wacampaign.core.columns.names import fold
from wacampaign.core.columns.phone_column import NoPhones, SeveralPhones, find_phone_column
from wacampaign.core.phone_census import PhoneCensus
from wacampaign.core.phones import phone_reader
from wacampaign.core.regions import region_named
from wacampaign.core.shown_text import one_line
from wacampaign.intake.layout import Layout
from wacampaign.intake.list_file import UnfitFile
from wacampaign.intake.list_reader import look_into, open_records
from wacampaign.problems import Usage

#: A business-scoped id (whatsapp-cloud-api, 6.6), for people whose number is hidden.
USER_ID: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[0-9A-Za-z]{1,128}")
#: Names of the columns beside the phone, folded.
_USER_IDS: Final = frozenset({"userid", "bsuid"})
_SINCES: Final = frozenset({"since", "date", "optedoutat", "optoutdate", "unsubscribedat"})
_WHYS: Final = frozenset({"evidence", "reason", "why", "how"})
#: Characters kept of why.
_WHY_KEPT: Final = 100


class Entry(NamedTuple):
    """One person of the list."""

    #: Line of the file, or row of the sheet, from 1.
    line: int
    #: Digits, country code first, or a business-scoped id.
    person: str
    #: UTC, ISO 8601; None: the list does not say.
    since: str | None
    #: Why, as it stands; None: the list does not say.
    why: str | None


class Unreadable(NamedTuple):
    """One row that is left out. `phone` is as written: mask it before showing."""

    line: int
    phone: str
    reason: str
    #: Whether somebody is named, of whom only the date cannot be read.
    is_undated: bool = False


@dataclass(frozen=True, slots=True)
class OptOutList:
    """A list, and how it is read."""

    path: Path
    layout: Layout
    phone_at: int
    user_id_at: int | None
    since_at: int | None
    why_at: int | None
    default_region: str | None

    def rows(self) -> Iterator[Entry | Unreadable]:
        """Every row in order. Raises `UnfitFile` when the list's phones have no country codes."""
        census = PhoneCensus()
        read_phone = phone_reader(self.default_region, census)
        with open_records(self.path, self.layout) as opened:
            for record in opened.records:
                written = self._field(record.fields, self.phone_at)
                if isinstance(record.fault, str):
                    yield Unreadable(record.line, written, record.fault)
                    continue
                user_id = self._field(record.fields, self.user_id_at)
                try:
                    if not written and USER_ID.fullmatch(user_id):
                        person = user_id
                    else:
                        person = read_phone(written)
                    since = _time(self._field(record.fields, self.since_at))
                except BadPhone as bad:
                    yield Unreadable(record.line, written, bad.reason)
                except ValueError as bad:
                    yield Unreadable(record.line, written or user_id, str(bad), is_undated=True)
                else:
                    why = one_line(self._field(record.fields, self.why_at))[:_WHY_KEPT]
                    yield Entry(record.line, person, since, why or None)
        if self.default_region is None and (national := census.national()):
            raise UnfitFile(f"{self.path.name}: {national.reason}", national.suggestion)

    @staticmethod
    def _field(fields: list[str], at: int | None) -> str:
        return cell(fields[at]) if at is not None and at < len(fields) else ""


def open_optouts(
    path: Path,
    *,
    default_region: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> OptOutList:
    """How the list at `path` is to be read.

    Raises `Usage` for a file or region that does not exist, `UnfitFile` for what is no such list.
    """
    if default_region is not None:
        try:
            default_region = region_named(default_region)
        except ValueError as error:
            raise Usage(str(error), "give its name or code, such as India, IN or +91") from None
    layout = look_into(path, phone_reader(default_region), encoding=encoding, sheet=sheet)
    header = layout.header or ()
    folded = [fold(name) for name in header]
    places = {
        name: next((at for at, one in enumerate(folded) if one in known), None)
        for name, known in (("user_id", _USER_IDS), ("since", _SINCES), ("why", _WHYS))
    }
    try:
        taken = [at for at in places.values() if at is not None]
        phone_at = find_phone_column(layout.header, layout.phone_scores, taken)
    except NoPhones as none:
        raise UnfitFile(f"{path.name}: {none}") from None
    except SeveralPhones:
        raise UnfitFile(
            f"{path.name} has several columns of phones",
            "leave one of them, with the header `phone`, and run it again",
        ) from None
    return OptOutList(
        path, layout, phone_at, places["user_id"], places["since"], places["why"], default_region
    )


def _time(text: str) -> str | None:
    """A date or time of the list in UTC, without a zone taken as local. Raises `ValueError`."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no date such as 2026-11-26") from None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
