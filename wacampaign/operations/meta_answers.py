"""Meta's answer to a question, or why there is none: what looks at many things goes on."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from wacampaign.core.preflight.facts import Trouble, Unanswered
from wacampaign.meta.refusal import NoSuchObject
from wacampaign.problems import AccessRefused, Problem

#: Seconds for all questions to Meta about one number: 60 pages of templates take less.
ASK_SECONDS: Final = 20.0

Answer = TypeVar("Answer")


async def answer_or_trouble(
    question: Awaitable[Answer], seconds: float = ASK_SECONDS
) -> Answer | Unanswered:
    """The answer, or why there is none."""
    try:
        async with asyncio.timeout(seconds):
            return await question
    except TimeoutError:
        return Unanswered(Trouble.AWAY, f"Meta did not answer within {seconds:.0f} s")
    except AccessRefused as problem:
        return Unanswered(Trouble.REFUSED, problem.message)
    except NoSuchObject as problem:
        return Unanswered(Trouble.UNKNOWN, problem.message)
    except Problem as problem:
        return Unanswered(Trouble.AWAY, problem.message)
