"""Every finding of the media validator: what it means, how much it matters, who says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from wacampaign.core.media.report import MediaFinding, Severity

_TYPES: Final = "Meta, supported media types (2026-09)"
_VIDEO: Final = "Meta, supported media types: video (2026-09)"
_LINK: Final = "Meta, sending media by link (2026-09)"
_IDS: Final = "Meta, media reference (2026-09)"
_SAMPLE: Final = "public reports of 131053 with sample links (2026-08)"
_SEEN: Final = "public reports of slow media hosts"
_OWN: Final = "wacampaign's own rule"
_FETCH: Final = "a fetch without cookies or token"
_READ: Final = "read from the content"


@dataclass(frozen=True, slots=True)
class Code:
    """What one code stands for."""

    severity: Severity
    #: One sentence, the same in every finding of this code.
    text: str
    source: str


_ok: Final = partial(Code, Severity.OK)
_warn: Final = partial(Code, Severity.WARN)
_fail: Final = partial(Code, Severity.FAIL)

#: By name, in the order in which they are looked at.
CODES: Final[Mapping[str, Code]] = {
    # How it is given.
    "no_media": _fail("There is no media at all.", _OWN),
    "wrong_scheme": _fail("Only http:// and https:// links can be sent.", _LINK),
    "bad_url": _fail("The link is no valid URL.", _LINK),
    "url_userinfo": _fail("The link has a user name or password in it.", _OWN),
    "odd_port": _warn("The link names an unusual port, which firewalls may block.", _OWN),
    "plain_http": _warn("The link is http://, not https://.", _LINK),
    # The host.
    "host_same": _ok("The host is the one of the template's approved sample.", _OWN),
    "host_differs": _warn("The host is not the one of the template's approved sample.", _OWN),
    "host_unknown": _ok("The template has no sample link to compare the host with.", _OWN),
    "sample_host_as_link": _warn(
        "Links to scontent.whatsapp.net work on some days; on others Meta's own fetcher gets "
        "HTTP 403 for them (131053). Upload the file and send its id.",
        _SAMPLE,
    ),
    "signed_until": _ok("The link is signed and stays valid for now.", "the link's parameters"),
    "expires_soon": _warn("The link is signed and ends soon.", "the link's parameters"),
    "expired": _fail("The link is signed and has ended.", "the link's parameters"),
    # The way to it.
    "private_address": _fail(
        "The link leads to an address that is not public; it was not fetched.", _LINK
    ),
    "name_unknown": _fail("The host's name cannot be resolved.", _FETCH),
    "unreachable": _fail("The host does not answer as a web server.", _FETCH),
    "tls_failed": _fail("The host's certificate cannot be verified.", _FETCH),
    "timed_out": _fail("The host did not deliver the file in time.", _SEEN),
    "slow": _warn("The host is slow; Meta hangs up on slow hosts.", _SEEN),
    "redirect_loop": _fail("The redirects of the link do not end.", _FETCH),
    "bad_redirect": _fail("The link redirects to no usable address.", _FETCH),
    "redirected": _warn("The link redirects; that Meta follows is not documented.", _LINK),
    "http_status": _fail("The host refuses the file.", _FETCH),
    "login_required": _fail("The host asks for a login.", _LINK),
    "reachable": _ok("A stranger without cookies or token gets the file.", _FETCH),
    # What came, beside what was declared.
    "content_encoded": _fail("The host compresses the answer, though asked not to.", _FETCH),
    "length_mismatch": _fail("The host sends another length than it declares.", _FETCH),
    "type_undeclared": _fail("The host declares no type, or a generic one.", _TYPES),
    "type_mismatch": _fail("The declared type is not what the content is.", _TYPES),
    "type_agrees": _ok("The declared type is what the content is.", _TYPES),
    "extension_mismatch": _fail("The file's name ends in another type than it is.", _TYPES),
    # The content.
    "no_file": _fail("There is no such file, or it cannot be read.", _READ),
    "empty": _fail("The file is empty.", _READ),
    "too_large": _fail("The file is larger than Meta takes for this kind.", _TYPES),
    "size_fits": _ok("The size is within Meta's limit for this kind.", _TYPES),
    "wrong_kind": _fail("The file is of another kind than the template's header.", _TYPES),
    "not_accepted": _fail("Meta does not take this format for a header.", _TYPES),
    "truncated": _fail("The file ends before its content does.", _READ),
    "unreadable": _fail("The file is damaged: a decoder cannot open it.", _READ),
    "not_inspected": _warn("The inside of the file could not be looked at.", _READ),
    # MP4 and 3GPP.
    "no_video": _fail("The file has no picture track.", _VIDEO),
    "video_codec": _fail("The video is not H.264.", _VIDEO),
    "video_profile": _warn("H.264 in a profile that Android's WhatsApp does not support.", _VIDEO),
    "b_frames": _warn("The video has B-frames, which Android's WhatsApp does not support.", _VIDEO),
    "pixel_format": _warn("The video is not 8-bit 4:2:0, which phones may not play.", _VIDEO),
    "audio_codec": _fail("The sound is not AAC.", _VIDEO),
    "audio_streams": _fail("The video has more than one audio stream.", _VIDEO),
    "moov_missing": _fail("The file has no index (moov).", _READ),
    "moov_last": _warn(
        "The index (moov) comes after the content: no playing before the end.", _VIDEO
    ),
    "video_sound": _ok("The file is sound.", _VIDEO),
    # JPEG, PNG, documents.
    "image_colours": _warn("The image is not 8-bit RGB or RGBA.", _TYPES),
    "image_sound": _ok("The file is sound.", _TYPES),
    "pdf_password": _fail("The document opens with a password only.", _READ),
    "pdf_encrypted": _warn(
        "The document is encrypted, though it may open without password.", _READ
    ),
    "document_sound": _ok("The file is sound.", _TYPES),
    # Media ids.
    "id_malformed": _fail("A media id consists of digits.", _IDS),
    "id_unchecked": _warn("The media id was not looked up: there is no access token.", _OWN),
    "id_lookup_failed": _warn("The media id could not be looked up.", _IDS),
    "id_unknown": _fail("The number has no such media, or no longer.", _IDS),
    "id_of_other_number": _fail("The media belongs to another number.", _IDS),
    "id_owned": _ok("The media exists and belongs to the number.", _IDS),
    "id_found": _ok("The media exists; whose it is was not asked.", _IDS),
    "id_age": _ok("The media id is young enough; ids live 30 days.", _IDS),
    "id_age_unknown": _ok("Meta does not say how old the media id is; ids live 30 days.", _IDS),
    "id_expires_soon": _warn("The media id ends soon; ids live 30 days.", _IDS),
    "id_expired": _fail("The media id is older than 30 days.", _IDS),
}


def finding(code: str, evidence: str) -> MediaFinding:
    """A finding of that code; KeyError for a code that is not in `CODES`."""
    known = CODES[code]
    return MediaFinding(code, known.severity, known.text, evidence, known.source)
