"""Meta's signature of a webhook: HMAC-SHA256 over the raw body (whatsapp-cloud-api, 6.4)."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

HEADER: Final = "X-Hub-Signature-256"
_SCHEME: Final = "sha256="


def sign(secret: str, body: bytes) -> str:
    """The header's value for this body."""
    return _SCHEME + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def signed_with(header: str | None, body: bytes, secrets: Iterable[str]) -> str | None:
    """The secret that the header was made with, or None. Compares in constant time."""
    given = (header or "").strip()
    if not given.isascii():  # compare_digest takes no others
        return None
    for secret in secrets:
        if hmac.compare_digest(given, sign(secret, body)):
            return secret
    return None
