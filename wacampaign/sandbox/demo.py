"""The account a sandbox starts with: enough to try a campaign without any configuration.

Nothing here can be real: the ids are made up, and +44 7700 900xxx is Ofcom's range for fiction.
"""

from importlib import resources
from typing import Any

from wacampaign.sandbox.state import Account

DEMO_WABA_ID = "100000000000001"
DEMO_PHONE_NUMBER_ID = "200000000000001"
DEMO_TOKEN = "sandbox-token"
#: The app that the token belongs to: samples of templates are uploaded to it.
DEMO_APP_ID = "500000000000001"
DEMO_APP_NAME = "Sandbox app"
#: The portfolio that owns the demo's account: messaging limits are its.
DEMO_BUSINESS_ID = "600000000000001"
DEMO_APP_SECRET = "sandbox-app-secret"
#: The app's own token: it reads the app's set-up, and nothing of an account.
DEMO_APP_TOKEN = f"{DEMO_APP_ID}|{DEMO_APP_SECRET}"
#: A video that the demo account has uploaded already, for messages with a media id.
DEMO_MEDIA_ID = "300000000000001"
DEMO_VIDEO_HOST = "scontent.whatsapp.net"
DEMO_VIDEO_PATH = "v/t61.29466-34/demo_video_n.mp4"
#: The same film where a list may have it from: https://cdn.example.com/film.mp4.
DEMO_OTHER_HOST = "cdn.example.com"
DEMO_OTHER_PATH = "film.mp4"

#: Two seconds of one colour, as Meta wants it: MP4 version 2, H.264 Main, no B-frames, index first.
DEMO_VIDEO = (resources.files("wacampaign") / "sandbox" / "demo_video.mp4").read_bytes()


def _template(number: int, name: str, *components: dict[str, Any], **more: str) -> dict[str, Any]:
    fields = {"id": f"40000000000000{number}", "name": name, "language": "en_US"}
    return fields | {"components": list(components)} | more


#: One template of each kind that a campaign has to get right.
DEMO_TEMPLATES = (
    _template(
        1,
        "demo_text",
        {
            "type": "HEADER",
            "format": "TEXT",
            "text": "Offer for {{1}}",
            "example": {"header_text": ["Asha"]},
        },
        {
            "type": "BODY",
            "text": "Hello {{1}}, your discount is {{2}}.",
            "example": {"body_text": [["Asha", "20 %"]]},
        },
        {"type": "FOOTER", "text": "Reply STOP to opt out"},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "STOP"}]},
    ),
    _template(
        2,
        "demo_video",
        {
            "type": "HEADER",
            "format": "VIDEO",
            "example": {"header_handle": [f"https://{DEMO_VIDEO_HOST}/{DEMO_VIDEO_PATH}"]},
        },
        {
            "type": "BODY",
            "text": "See our new film, {{1}}!",
            "example": {"body_text": [["Asha"]]},
        },
    ),
    _template(
        3,
        "demo_url_button",
        {"type": "BODY", "text": "Your order is on its way."},
        {
            "type": "BUTTONS",
            "buttons": [
                {
                    "type": "URL",
                    "text": "Track",
                    "url": "https://example.com/t/{{1}}",
                    "example": ["https://example.com/t/A3"],
                },
                {"type": "URL", "text": "Home", "url": "https://example.com/"},
            ],
        },
    ),
    _template(
        4,
        "demo_copy_code",
        {
            "type": "BODY",
            "text": "Your code, valid until {{1}}:",
            "example": {"body_text": [["Monday"]]},
        },
        {
            "type": "BUTTONS",
            "buttons": [{"type": "COPY_CODE", "text": "Copy", "example": ["SAVE20"]}],
        },
    ),
    _template(
        5,
        "demo_named",
        {
            "type": "BODY",
            "text": "Dear {{first_name}}, we expect you on {{day}}.",
            "example": {
                "body_text_named_params": [
                    {"param_name": "first_name", "example": "Asha"},
                    {"param_name": "day", "example": "Monday"},
                ]
            },
        },
        category="UTILITY",
        parameter_format="NAMED",
    ),
    _template(
        6, "demo_paused", {"type": "BODY", "text": "Paused for low quality."}, status="PAUSED"
    ),
)


def seed_demo(account: Account) -> None:
    """Fill an empty account with the demo's WABA, number, templates, and media."""
    owner = {"id": DEMO_BUSINESS_ID, "name": "Demo business"}
    account.put_waba(DEMO_WABA_ID, DEMO_TOKEN, "Demo WABA", owner_business_info=owner)
    account.tokens[DEMO_APP_TOKEN] = set()
    account.subscriptions[DEMO_WABA_ID] = {DEMO_APP_ID: None}
    account.put_number({"phone_number_id": DEMO_PHONE_NUMBER_ID, "waba_id": DEMO_WABA_ID})
    for template in DEMO_TEMPLATES:
        account.put_template(DEMO_WABA_ID, template)
    account.add_media(DEMO_PHONE_NUMBER_ID, DEMO_VIDEO, "video/mp4", DEMO_MEDIA_ID)
    account.put_hosted(DEMO_VIDEO_HOST, DEMO_VIDEO_PATH, DEMO_VIDEO, "video/mp4")
    account.put_hosted(DEMO_OTHER_HOST, DEMO_OTHER_PATH, DEMO_VIDEO, "video/mp4")
