"""The account at Meta, the media hosts, and the refusals of that night, in the sandbox."""

from __future__ import annotations

from wacampaign.demo.night import REFUSED, SENDERS, WABA_ID, template_of
from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import DEMO_VIDEO


def open_account(control: SandboxControl, token: str) -> None:
    """Adds both numbers with their templates and videos, and what Meta refused: 135000."""
    for sender in SENDERS:
        control.put_number(
            sender.phone_number_id,
            waba_id=WABA_ID,
            token=token,
            throughput="HIGH",
            display_phone_number=sender.display,
            verified_name=sender.label,
        )
        # Sound on both hosts, as that night.
        control.put_hosted(sender.media_host, sender.media_path, DEMO_VIDEO, "video/mp4")
    control.put_templates(WABA_ID, *map(template_of, SENDERS))
    control.add_fault(
        "error",
        code=135000,
        phone_number_id=REFUSED.phone_number_id,
        media_host=REFUSED.media_host,
    )
