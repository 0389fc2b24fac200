"""Creates templates: uploads their samples (Meta's Resumable Upload API), asks for their review.

Source: Meta's references of both (September 2026); whatsapp-cloud-api, 2.6, 4.6 and 1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

from wacampaign.meta.client import UPLOAD_TIMEOUT_S, CloudApi
from wacampaign.meta.objects import TEMPLATE_FIELDS
from wacampaign.meta.refusal import Refusal
from wacampaign.problems import Problem, Refused, Unreachable

#: Bytes that one request of an upload carries: a break costs no more than this again.
_PIECE: Final = 4 * 1024 * 1024
#: Times a broken upload is gone on with.
_RESUMES: Final = 3

#: What to do about a refused creation, by subcode (which is Meta's only word for the cause here).
#: Sources: its error page (2388019, 2388039 to 2388299); public reports (2388005, 2388023, 2388024,
#: 2388043, 2494102).
_ANOTHER_NAME: Final = "give NEW another name: wacampaign templates copy NAME NEW"
_ITS_TEXTS: Final = (
    "mend that text where the template was made (WhatsApp Manager), then copy it from there"
)
SUGGESTIONS: Final[Mapping[int, str]] = {
    2388005: _ANOTHER_NAME,
    2388019: "delete templates that nobody uses, in WhatsApp Manager",
    2388023: "a deleted template keeps its name for 30 days; " + _ANOTHER_NAME,
    2388024: _ANOTHER_NAME,
    2388040: _ITS_TEXTS,
    2388043: "WhatsApp Manager shows which variable has no sample; add it there, then copy",
    2388047: _ITS_TEXTS,
    2388072: _ITS_TEXTS,
    2388073: _ITS_TEXTS,
    2388293: _ITS_TEXTS,
    2388299: _ITS_TEXTS,
    2494102: "run the same command again: the sample is uploaded anew",
}
#: Meta says that creations are limited to 100 an hour.
_BY_ITSELF: Final = "compare the template with Meta's rules in WhatsApp Manager"


class TemplateApi(CloudApi):
    """The Cloud API of one token, where templates are created. Raises what `CloudApi` raises."""

    async def raw_template(self, template_id: str, fields: str) -> dict[str, Any]:
        """A template as Meta tells it, with these fields beside the usual ones."""
        return await self._object(template_id, f"{TEMPLATE_FIELDS},{fields}", "the template")

    async def upload_sample(
        self, app_id: str, content: bytes, mime_type: str, file_name: str
    ) -> str:
        """Uploads a template's sample; the handle for `example.header_handle`.

        A piece that was lost is sent again from where Meta says that it has come.
        """
        what = "the upload of the sample"
        url = self._url(app_id, "uploads").copy_with(
            params={
                "file_name": file_name,
                "file_length": len(content),
                "file_type": mime_type,
            }
        )
        begun = await self._ask(lambda: self._http.post(url), what)
        session = begun.get("id")
        if not isinstance(session, str) or not session.startswith("upload:"):
            raise Problem("Meta answered the upload without a session.")
        target = self._under(session)
        offset, broken = 0, 0
        while True:
            try:
                answer = await self._send_piece(target, content, offset, what)
            except Unreachable:
                broken += 1
                if broken > _RESUMES:
                    raise
                answer = await self._get(target, what)
            handle = answer.get("h")
            if isinstance(handle, str) and handle:
                return handle
            told = str(answer.get("file_offset", ""))
            come = int(told) if told.isdecimal() else offset + _PIECE
            if come >= len(content):
                raise Problem("Meta took the whole sample, but gave no handle for it.")
            offset = come

    async def _send_piece(
        self, target: httpx.URL, content: bytes, offset: int, what: str
    ) -> dict[str, Any]:
        token = self._http.headers["Authorization"].partition(" ")[2]
        return await self._ask(
            lambda: self._http.post(
                target,
                content=content[offset : offset + _PIECE],
                headers={"Authorization": f"OAuth {token}", "file_offset": str(offset)},
                timeout=UPLOAD_TIMEOUT_S,
            ),
            what,
            attempts=1,
        )

    async def create_template(self, waba_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Asks for a new template: its `id`, `status` and `category` as Meta answers.

        Made once: a creation whose answer was lost may have been carried out, and is looked up, not
        repeated. Raises `Refused` with Meta's words and what to do.
        """
        url = self._url(waba_id, "message_templates")
        return await self._ask(
            lambda: self._http.post(url, json=dict(fields), timeout=UPLOAD_TIMEOUT_S),
            "the new template",
            attempts=1,
            problem_of=_creation_problem,
        )


def _creation_problem(refusal: Refusal, what: str) -> Problem:
    usual = refusal.problem(what)
    if refusal.code is None or type(usual) is not Problem:
        return usual
    told = refusal.user_text or refusal.text
    number = f"{refusal.code}" + (f"/{refusal.subcode}" if refusal.subcode else "")
    suggestion = SUGGESTIONS.get(refusal.subcode or 0, _BY_ITSELF)
    return Refused(f"Meta refused the new template ({number}): {told}", suggestion)
