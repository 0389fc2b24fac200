"""What Meta takes when a template is created: its name, its components' fields, its samples.

Sources: Meta's references of template components, of `POST /{waba}/message_templates` and of the
Resumable Upload API (September 2026; whatsapp-cloud-api, 2.6 and 4.6). GET tells more than creation
takes, so a copy leaves out what is not here. The sandbox refuses by the same table.
"""

import re
from collections.abc import Mapping
from typing import Final

#: Lowercase letters, digits and underscores, at most 512 characters.
TEMPLATE_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
CATEGORIES: Final = ("AUTHENTICATION", "MARKETING", "UTILITY")

#: Fields of the template itself that a copy takes over when they are set.
KEPT_FIELDS: Final = ("message_send_ttl_seconds", "cta_url_link_tracking_opted_out")

#: MIME types of samples: pdf, jpeg, jpg, png, mp4. Messages take more.
SAMPLE_TYPES: Final = frozenset(
    {"application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4"}
)
#: Header formats that need a sample.
SAMPLE_FORMATS: Final = frozenset({"IMAGE", "VIDEO", "GIF", "DOCUMENT"})

#: Fields of each component beside `type`.
COMPONENT_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "HEADER": frozenset({"format", "text", "example"}),
    "BODY": frozenset({"text", "example", "add_security_recommendation"}),
    "FOOTER": frozenset({"text", "code_expiration_minutes"}),
    "BUTTONS": frozenset({"buttons"}),
    "CAROUSEL": frozenset({"cards"}),
    "LIMITED_TIME_OFFER": frozenset({"limited_time_offer"}),
}
#: Fields of each button beside `type` and `text`.
BUTTON_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "QUICK_REPLY": frozenset(),
    "URL": frozenset({"url", "example", "app_deep_link"}),
    "PHONE_NUMBER": frozenset({"phone_number"}),
    "COPY_CODE": frozenset({"example"}),
    "OTP": frozenset(
        {
            *("otp_type", "autofill_text", "supported_apps", "zero_tap_terms_accepted"),
            *("package_name", "signature_hash"),
        }
    ),
    "FLOW": frozenset(
        {"flow_id", "flow_name", "flow_json", "flow_action", "navigate_screen", "icon"}
    ),
    "CATALOG": frozenset(),
    "MPM": frozenset(),
    "SPM": frozenset(),
    "ORDER_DETAILS": frozenset(),
    "VOICE_CALL": frozenset({"ttl_minutes"}),
}
#: Authentication templates have Meta's own texts: of these, creation takes no more than this.
AUTHENTICATION_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "BODY": frozenset({"add_security_recommendation"}),
    "FOOTER": frozenset({"code_expiration_minutes"}),
    "BUTTONS": frozenset({"buttons"}),
}
