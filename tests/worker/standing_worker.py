"""A worker whose loop stands still: at its fiftieth message the sender never comes back."""

from __future__ import annotations

import sys
import time
from typing import Any

from tests.worker.short_worker import QUICK_TO_STALL, main
from wacampaign.meta.send import MessageSender
from wacampaign.worker import run

PASSES = 50


class StandingSender(MessageSender):
    posts = 0

    async def post(self, *arguments: Any) -> Any:
        StandingSender.posts += 1
        if StandingSender.posts > PASSES:
            if "--in-a-call" in sys.argv:
                time.sleep(600)  # noqa: ASYNC251 - a system call that does not return
            while True:
                pass  # a loop of ours
        return await super().post(*arguments)


if __name__ == "__main__":
    run.MessageSender = StandingSender  # type: ignore[misc]
    sys.exit(main(QUICK_TO_STALL))
