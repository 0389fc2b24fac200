"""`statuses[]`: what became of messages that went out (whatsapp-cloud-api, 6.2)."""

from typing import Any, Final

from wacampaign.core.errors.table import error_table
from wacampaign.core.webhook.kept import (
    ID_MOST,
    Keeper,
    id_of,
    moment,
    object_of,
    objects,
    text_of,
    whole_number,
)
from wacampaign.core.webhook.people import person_of
from wacampaign.core.webhook.updates import StatusUpdate

#: Meta's codes have up to seven digits; the database's column takes this much.
_CODE_MOST: Final = 2**31 - 1
#: Characters of a status word: `delivered` is the longest known one.
_WORD_MOST: Final = 64


def status_update(
    given: dict[str, Any], number_id: str | None, contacts: list[Any], keeper: Keeper
) -> StatusUpdate | str:
    """One status; in words, why it is none."""
    wamid, status = id_of(given.get("id")), text_of(given.get("status"), _WORD_MOST)
    if wamid is None:
        return f"no message id of 1 to {ID_MOST} characters"
    if status is None:
        return "no status word"
    person = person_of(given.get("recipient_id"), given.get("recipient_user_id"), contacts)
    error = _first_error(given)
    details = object_of(error.get("error_data")).get("details")
    return StatusUpdate(
        wamid=wamid,
        status=status,
        at=moment(given.get("timestamp")),
        phone_number_id=number_id,
        recipient=person.phone,
        user_id=person.user_id,
        callback=id_of(given.get("biz_opaque_callback_data")),
        code=_code(error),
        title=text_of(error.get("title")) or text_of(error.get("message")),
        details=text_of(details),
        said=keeper.kept(given),
    )


def _first_error(given: dict[str, Any]) -> dict[str, Any]:
    errors = [error for error in objects(given.get("errors")) if isinstance(error, dict)]
    return next((error for error in errors if _code(error) is not None), object_of(errors[:1]))


def _code(error: dict[str, Any]) -> int | None:
    """The error's code by today's name: some old ones still come (whatsapp-cloud-api, 1.3)."""
    code = whole_number(error.get("code"), _CODE_MOST)
    return None if code is None else error_table().old_codes.get(code, code)
