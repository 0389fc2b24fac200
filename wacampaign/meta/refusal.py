"""Errors of the Cloud API outside of sending, as problems that a person can act on."""

import json
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.errors import ErrorEntry, Handling, known
from wacampaign.core.masking import mask_tokens
from wacampaign.core.outcomes import Scope
from wacampaign.problems import AccessRefused, Busy, Problem, Unreachable

#: Call limits of the management side that answer no message: user, page, WABA. The others are
#: in the table of errors.
_LIMIT_CODES: Final = frozenset({17, 32, 80008})

#: Characters of Meta's text that are shown.
_TEXT_LENGTH: Final = 500


class NoSuchObject(Problem):
    """Meta knows no such object, or the token does not reach it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. `code` is None when it was no error of Meta's shape."""

    status: int
    code: int | None
    text: str
    is_transient: bool
    subcode: int | None = None
    #: What Meta tells people of it, where it does.
    user_text: str = ""

    @property
    def refuses_access(self) -> bool:
        if self.code is None:
            return self.status == 401
        # The code goes before the status: 3 comes as HTTP 500.
        return self._entry is not None and self._entry.refuses_access

    @property
    def limits_calls(self) -> bool:
        if self.code in _LIMIT_CODES or self.status == 429:
            return True
        limit = (Handling.SLOW_NUMBER, Scope.ACCOUNT)
        return self._entry is not None and (self._entry.handling, self._entry.scope) == limit

    @property
    def _entry(self) -> ErrorEntry | None:
        return None if self.code is None else known(self.code)

    @property
    def worth_retrying(self) -> bool:
        """Whether the same GET may well succeed a second later."""
        return not self.refuses_access and (self.status >= 500 or self.is_transient)

    def problem(self, what: str) -> Problem:
        """The problem to raise; `what` was being read, such as "the templates"."""
        answer = (
            f"HTTP {self.status} came for {what}, without an error of Meta's"
            if self.code is None
            else f"Meta answered HTTP {self.status}, code {self.code} for {what}"
        )
        message = f"{answer}: {self.text}" if self.text else f"{answer}."
        if self.refuses_access:
            return AccessRefused(
                message, "check META_ACCESS_TOKEN, its expiry and its permissions in Meta Business"
            )
        if self.limits_calls:
            return Busy(message, "wait some minutes: Meta limits such calls per hour")
        if self.status >= 500 or self.is_transient:
            return Unreachable(message, "try again; see metastatus.com/whatsapp-business-api")
        # Meta does not tell the unknown from what is out of the token's reach.
        unknown = self.code == 803 or (self.code == 100 and self.subcode == 33)
        return (NoSuchObject if unknown else Problem)(
            message, "check META_ACCESS_TOKEN, WHATSAPP_API_URL and WHATSAPP_API_VERSION"
        )


def refusal_of(status: int, body: bytes) -> Refusal:
    """Reads an answer that is no 200; anything may be in `body`."""
    try:
        error: Any = json.loads(body)["error"]
        code = error["code"]
        text = str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Refusal(status, None, "", is_transient=False)
    user_text = ": ".join(
        told.rstrip(".")
        for name in ("error_user_title", "error_user_msg")
        if isinstance(told := error.get(name), str) and told
    )
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    if isinstance(details, str) and details and details not in text:
        text = f"{text} {details}".strip()
    return Refusal(
        status,
        code if isinstance(code, int) else None,
        mask_tokens(text[:_TEXT_LENGTH]),  # it repeats a token that it does not like
        is_transient=error.get("is_transient") is True,
        subcode=subcode if isinstance(subcode := error.get("error_subcode"), int) else None,
        user_text=mask_tokens(user_text[:_TEXT_LENGTH]),
    )
