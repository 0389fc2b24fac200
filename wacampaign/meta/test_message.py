"""One message to a test phone, by the same path as a campaign's: one POST, one judgement."""

from __future__ import annotations

from dataclasses import dataclass

from wacampaign.core.judgement import Transport, judge_answer, judge_failure
from wacampaign.core.outcome import Outcome, Verdict
from wacampaign.core.ports import MaybeSent, NotSent


@dataclass(frozen=True, slots=True)
class TestAnswer:
    """What became of one test message."""

    __test__ = False  # pytest collects classes by their name

    #: Whether Meta accepted it; delivery is another matter.
    accepted: bool
    wamid: str | None
    #: Meta's error code.
    code: int | None
    #: Why it was not accepted, masked; "" when it was.
    text: str
    #: None: no answer came.
    http_status: int | None
    #: Nobody knows whether it was sent: the request went out, and no answer came that is certainly
    #: Meta's.
    in_doubt: bool = False


async def send_test_message(
    api_url: str,
    api_version: str,
    phone_number_id: str,
    token: str,
    body: bytes,
    *,
    ca_file: str | None = None,
    timeout_s: float = 30,
) -> TestAnswer:
    """POSTs `body` (a message in Meta's JSON) once; nothing is tried a second time.

    `timeout_s` is for the answer. Raises `Misconfigured` for a URL, version, number id or token
    that cannot be right; whatever the world does is in the answer.
    """
    # Imported here: commands that send nothing need no aiohttp.
    from wacampaign.meta.send import MessageSender

    async with MessageSender(api_url, api_version, timeout_s=timeout_s, ca_file=ca_file) as sender:
        try:
            answer = await sender.post(phone_number_id, token, body)
        except NotSent as error:
            return _answer(judge_failure(Transport.NOT_SENT, str(error)), None)
        except MaybeSent as error:
            return _answer(judge_failure(Transport.MAYBE_SENT, str(error)), None)
        verdict = judge_answer(
            answer.status, answer.body, phone_number_id, from_meta=answer.from_meta
        )
        return _answer(verdict, answer.status)


def _answer(verdict: Verdict, status: int | None) -> TestAnswer:
    accepted = verdict.outcome is Outcome.SENT
    return TestAnswer(
        accepted=accepted,
        wamid=verdict.wamid,
        code=verdict.code,
        text="" if accepted else verdict.text or "",
        http_status=status,
        in_doubt=verdict.outcome is Outcome.IN_DOUBT,
    )
