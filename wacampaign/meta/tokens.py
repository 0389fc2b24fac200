"""`/debug_token`: until when a token is good, and what it may.

Source: Meta's reference of Debug-Token. It may be asked with the app's own token, or with one of
somebody who develops the app; a system user's token is told of itself.
"""

from typing import Any, Final

from wacampaign.core.doctor.meta_facts import TokenFacts
from wacampaign.meta.client import CloudApi
from wacampaign.problems import Problem

#: Unix seconds of the year 33,658: what is no time is taken for never.
_LAST: Final = 1e12


class TokenApi(CloudApi):
    """The Cloud API of one token that asks about a token. Raises what `CloudApi` raises."""

    async def facts_of(self, token: str) -> TokenFacts:
        """What Meta says of `token`."""
        url = self._under("debug_token").copy_with(params={"input_token": token})
        data = (await self._get(url, "the token")).get("data")
        if not isinstance(data, dict) or not isinstance(data.get("is_valid"), bool):
            raise Problem("Meta answered without saying anything of the token.")
        scopes = data.get("scopes")
        return TokenFacts(
            valid=data["is_valid"],
            expires_at=_expiry(data),
            scopes=frozenset(map(str, scopes)) if isinstance(scopes, list) else frozenset(),
            app_id=str(data.get("app_id") or ""),
        )


def _expiry(data: dict[str, Any]) -> float | None:
    """0 means never, in both: the token's own, and that of the access that was granted with it."""
    given = (data.get("expires_at"), data.get("data_access_expires_at"))
    ends = [float(one) for one in given if isinstance(one, int | float) and 0 < one < _LAST]
    return min(ends, default=None)
