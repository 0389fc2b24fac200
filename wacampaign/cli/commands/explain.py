"""`explain`: what the error table says of codes."""

from dataclasses import replace
from typing import Annotated, Final

import typer

from wacampaign.cli.options import AsJson
from wacampaign.cli.output import print_json, tell
from wacampaign.cli.plan import show_next
from wacampaign.cli.screens.tables import tell_indented
from wacampaign.core.errors import ErrorEntry, Printed, by_subcode, investigate, known, lookup
from wacampaign.core.errors import printed_codes as read_codes
from wacampaign.problems import Usage

#: What is said of a subcode that the table does not have.
_SUBCODE: Final = (
    "a subcode that Meta does not document (it returns none any more from v16.0 on); "
    "the code beside it says what happened"
)


_WHOLE: Final = "run wacampaign explain with Meta's whole answer, in quotation marks"


def explain(
    code: Annotated[
        list[str],
        typer.Argument(
            metavar="CODE",
            help="As Meta prints it: 135000, (#132000), 100/33, or a whole answer or log line.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Explain error codes: what each means, what the worker does, and what to do.

    Works without a database. Of a code that the table does not have it says how such codes are
    handled.

    Example: wacampaign explain 135000

    Example: wacampaign explain "(#132000) Number of parameters does not match"
    """
    codes = read_codes(" ".join(code))
    if not codes:
        raise Usage(
            "there is no error code in this text",
            "give a number such as 135000, or the whole answer of Meta in quotation marks",
        )
    if as_json:
        first, *others = map(_as_json, codes)
        print_json({**first, "also": others})
        return
    for nth, printed in enumerate(codes):
        if nth:
            tell("")
        _show(printed)
    coded = [printed.code for printed in codes if printed.code is not None]
    if coded:
        show_next(investigate(coded[0]))


def _entry(printed: Printed) -> tuple[ErrorEntry, bool]:
    """What the table says, and whether it has the code or the subcode."""
    if (entry := by_subcode(printed.code, printed.subcode)) is not None:
        return entry, True
    if printed.code is None:
        return replace(lookup(None, 400), title="Undocumented subcode", next_step=_WHOLE), False
    return lookup(printed.code, 400), known(printed.code) is not None


def _show(printed: Printed) -> None:
    entry, is_known = _entry(printed)
    undocumented = printed.subcode is not None and by_subcode(printed.code, printed.subcode) is None
    if printed.code is None and undocumented:
        tell(f"{printed} is not in the error table: {_SUBCODE}")
        _tell("you", _WHOLE)
        return
    tell(f"{printed} {entry.title if is_known else 'is not in the error table'}")
    again = "may help once the cause is gone" if entry.retryable else "does not help"
    for name, text in (
        ("concerns", str(entry.scope)),
        ("HTTP", "not documented" if entry.http_status is None else str(entry.http_status)),
        ("handling", str(entry.handling)),
        ("the worker", entry.worker_action),
        ("retry-failed", again),
        ("you", entry.next_step),
    ):
        _tell(name, text)
    if undocumented:
        _tell("subcode", f"{printed.subcode}: {_SUBCODE}")


def _tell(name: str, text: str) -> None:
    begin = f"  {name:<13} "
    tell_indented(begin, text, " " * len(begin))


def _as_json(printed: Printed) -> dict[str, object]:
    entry, is_known = _entry(printed)
    return {
        "code": printed.code,
        "subcode": printed.subcode,
        "known": is_known,
        "title": entry.title,
        "scope": str(entry.scope),
        "http_status": entry.http_status,
        "handling": str(entry.handling),
        "worker_action": entry.worker_action,
        "retryable": entry.retryable,
        "next_step": entry.next_step,
    }
