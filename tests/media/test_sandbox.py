"""The validator beside a sandbox: media hosts are played there, ids are looked up there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wacampaign.core.media.report import MediaReport
from wacampaign.core.media.validator import HeaderNeeds
from wacampaign.media.opening import open_validator, sandbox_of
from wacampaign.meta.client import CloudApi
from wacampaign.sandbox.demo import (
    DEMO_MEDIA_ID,
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_VIDEO,
    DEMO_VIDEO_HOST,
    DEMO_VIDEO_PATH,
)
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.settings import Settings

NEEDS = HeaderNeeds("video", phone_number_id=DEMO_PHONE_NUMBER_ID)


def judged(
    url: str, media: str, needs: HeaderNeeds = NEEDS, *, token: str = DEMO_TOKEN, days: int = 0
) -> MediaReport:
    async def uploaded_at(_media_id: str) -> datetime:
        return datetime.now(UTC) - timedelta(days=days, minutes=1)

    async def work() -> MediaReport:
        settings = replace(Settings(), api_url=url)
        async with (
            CloudApi(url, "v25.0", token) as api,
            open_validator(settings, api, uploaded_at=uploaded_at) as validator,
        ):
            return await validator.validate(media, needs)

    return asyncio.run(work())


def test_links_and_ids() -> None:
    with SandboxProcess() as sandbox:
        link = f"https://{DEMO_VIDEO_HOST}/{DEMO_VIDEO_PATH}"
        report = judged(sandbox.url, link + "?oe=70000000&oh=1")
        codes = {one.code for one in report.findings}
        assert {"video_sound", "sample_host_as_link", "signed_until"} <= codes
        assert (report.usable, report.size) == (True, len(DEMO_VIDEO))
        assert "http_status" in {f.code for f in judged(sandbox.url, link + "x").findings}
        private = judged(sandbox.url, "http://192.168.0.1/x.mp4")
        assert "private_address" in {one.code for one in private.findings}
        own = judged(sandbox.url, f"{sandbox.url}/hosts/{DEMO_VIDEO_HOST}/{DEMO_VIDEO_PATH}")
        assert "video_sound" in {one.code for one in own.findings}

        assert judged(sandbox.url, DEMO_MEDIA_ID).findings[0].code == "id_owned"
        for days, code in ((1, "id_age"), (28, "id_expires_soon"), (30, "id_expired")):
            report = judged(sandbox.url, DEMO_MEDIA_ID, days=days)
            assert code in {one.code for one in report.findings}
        refused = judged(sandbox.url, DEMO_MEDIA_ID, token="EAAwrong")
        assert refused.findings[0].code == "id_lookup_failed"
        assert "EAAwrong" not in str(refused)
        other = replace(NEEDS, phone_number_id="999")
        assert judged(sandbox.url, DEMO_MEDIA_ID, other).findings[0].code == "id_of_other_number"
        assert judged(sandbox.url, "123").findings[0].code == "id_unknown"
        assert judged(sandbox.url, "file:///etc/passwd").findings[0].code == "wrong_scheme"

        async def upload() -> str:
            async with CloudApi(sandbox.url, "v25.0", DEMO_TOKEN) as api:
                return await api.upload_media(
                    DEMO_PHONE_NUMBER_ID, DEMO_VIDEO, "video/mp4", "film.mp4"
                )

        assert judged(sandbox.url, asyncio.run(upload())).findings[0].code == "id_owned"


@pytest.mark.parametrize("url", ["https://graph.facebook.com", "https://10.0.0.1"])
def test_no_sandbox(url: str) -> None:
    assert sandbox_of(url) is None
