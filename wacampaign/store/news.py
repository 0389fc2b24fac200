"""What Meta decided about templates, numbers and accounts, taken over into the database."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from wacampaign.core.numbers import tier_limit
from wacampaign.core.webhook.decision import Decision
from wacampaign.core.webhook.decisions import decisions_of
from wacampaign.core.webhook.updates import News
from wacampaign.store.store import Capability

#: Bytes of a key: an index takes 2,704. Meta's own have some 100; whatever is longer is hashed.
_KEY_MOST: Final = 1_000
#: More than there are: a limit above it is none.
_PEOPLE_MOST: Final = 2**31 - 1


class NewsStore(Capability):
    """Rows of `wacampaign_news`, and what follows from them."""

    async def take(self, news: Sequence[News]) -> dict[str, int]:
        """Takes news over, each once and none that is older than what is known.

        Answers how many decisions were `taken`, `repeated` or `late`, how many `holds` they made,
        and how many news are `ignored`, as they do not concern campaigns.
        """
        read = [decisions_of(one) for one in news]
        decisions = [_as_json(decision) for every in read for decision in every]
        answer = {"taken": 0, "repeated": 0, "late": 0, "holds": 0}
        if decisions:
            answer = await self._store.call("take_news", news=json.dumps(decisions))
        return answer | {"ignored": sum(not every for every in read)}


def _as_json(decision: Decision) -> dict[str, Any]:
    people = tier_limit(decision.word or "") if decision.kind == "messaging_limit" else None
    if people is not None and people > _PEOPLE_MOST:
        people = None
    about = decision.about.encode()
    if len(about) > _KEY_MOST:
        about = hashlib.sha256(about).hexdigest().encode()
    return asdict(decision) | {"people": people, "about": about.decode()}
