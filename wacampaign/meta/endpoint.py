"""Where the Cloud API is, and whom to trust there: checks shared by both clients."""

import re
import ssl
from urllib.parse import urlsplit

import certifi

from wacampaign.problems import Misconfigured

#: `v25.0` and its like. Without a version Meta answers with the app's default, which moves.
_VERSION = re.compile(r"v\d{1,3}\.\d{1,2}")


def api_root(base_url: str, version: str) -> str:
    """`https://host[:port][/prefix]/v25.0`, without a slash at the end.

    Raises `Misconfigured` if `base_url` is no plain http(s) address (it must carry no user,
    query or fragment: they would end up in logs) or `version` is none of Meta's.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or parts.username is not None
        or parts.query
        or parts.fragment
        or re.search(r"[\s\\]", base_url)
    ):
        raise Misconfigured(
            "WHATSAPP_API_URL must be an address like https://graph.facebook.com, "
            "with nothing but a scheme, a host and perhaps a port and a path."
        )
    if not _VERSION.fullmatch(version):
        raise Misconfigured("WHATSAPP_API_VERSION must look like v25.0.")
    return f"{base_url.rstrip('/')}/{version}"


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificates are always verified: against `ca_file` (PEM) alone, if one is given.

    Otherwise against what the machine trusts (`SSL_CERT_FILE` is honoured) and Mozilla's list,
    because Python on macOS comes without any. Reads files: call it outside the event loop.
    Raises `Misconfigured` if `ca_file` cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one of them
        raise Misconfigured(
            f"The CA file {ca_file} cannot be used: {error.strerror or error}."
        ) from error
    if ca_file is None:
        context.load_verify_locations(certifi.where())
    # Neither client speaks HTTP/2: say so, or an edge may choose it.
    context.set_alpn_protocols(["http/1.1"])
    return context
