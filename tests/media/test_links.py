"""What a link says before it is fetched, and what an id says when it is looked up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wacampaign.core.media.codes import CODES
from wacampaign.core.media.ids import look_at_id
from wacampaign.core.media.links import host_of, look_at_link, signed_until, split_link
from wacampaign.core.media.ports import LookupFailed

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def codes(url: str, sample: str | None = None, now: datetime = NOW) -> set[str]:
    parts = split_link(url)
    assert parts is not None
    found = [*look_at_link(parts, sample, now)]
    assert all(one.code in CODES for one in found)
    return {one.code for one in found}


END = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
SECONDS = int(END.timestamp())
SIGNED = {
    "Meta": f"oh=01_Q5&oe={SECONDS:X}&_nc_sid=5e03e0",
    "Meta, short": f"oe={SECONDS:x}",
    "S3, version 4": "X-Amz-Date=20261123T200000Z&X-Amz-Expires=259200&X-Amz-Signature=ab",
    "S3, version 4, in small letters": "x-amz-date=20261123T200000Z&x-amz-expires=259200",
    "S3, version 2": f"AWSAccessKeyId=A&Expires={SECONDS}&Signature=b%2Fc%3D",
    "CloudFront": f"Expires={SECONDS}&Signature=x~&Key-Pair-Id=K",
    "Google": "X-Goog-Date=20261123T200000Z&X-Goog-Expires=259200&X-Goog-Signature=ab",
    "Azure": "sv=2024-11-04&se=2026-11-26T20%3A00%3A00Z&sp=r&sig=ab",
    "Azure, elsewhere": "se=2026-11-26T22%3A00%3A00%2B02%3A00&sig=ab",
}


@pytest.mark.parametrize("query", SIGNED.values(), ids=SIGNED)
def test_until_when_a_link_is_signed(query: str) -> None:
    assert signed_until(dict(parse_qsl(query))) == END


@pytest.mark.parametrize("query", SIGNED.values(), ids=SIGNED)
@pytest.mark.parametrize(
    ("left", "code"),
    [
        (timedelta(seconds=-1), "expired"),
        (timedelta(0), "expired"),
        (timedelta(seconds=1), "expires_soon"),
        (timedelta(hours=72, seconds=-1), "expires_soon"),
        (timedelta(hours=72), "signed_until"),
    ],
)
def test_how_long_that_is(query: str, left: timedelta, code: str) -> None:
    found = codes(f"https://media.example/film.mp4?{query}", now=END - left)
    assert found & {"expired", "expires_soon", "signed_until"} == {code}


@pytest.mark.parametrize(
    "query",
    [
        *("", "oe=", "oe=zzzzzzzz&oh=1", "oe=" + "F" * 40 + "&oh=1", "oe=tree", "Expires=9"),
        *("X-Amz-Expires=60", "X-Amz-Date=20261332T000000Z&X-Amz-Expires=60"),
        *("X-Amz-Date=20261123T200000Z&X-Amz-Expires=" + "9" * 30, "se=soon&sig=a"),
        *("se=9999-12-31T23:59:59-23:59&sig=a", "Expires=" + "9" * 5000 + "&Signature=a"),
    ],
)
def test_links_that_do_not_say(query: str) -> None:
    assert signed_until(dict(parse_qsl(query))) is None


_names = st.sampled_from(
    [
        *("oe", "oh", "X-Amz-Date", "X-Amz-Expires", "X-Goog-Date", "X-Goog-Expires"),
        *("Expires", "Signature", "se", "sig"),
    ]
)
_values = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.integers(0, 2**70).map("{:x}".format),
    st.datetimes().map(lambda at: f"{at:%Y%m%dT%H%M%S}Z"),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(_names, _values))
def test_no_signature_is_too_strange(query: dict[str, str]) -> None:
    until = signed_until(query)
    assert until is None or until.tzinfo is UTC
    codes(f"https://media.example/?{urlencode(query)}")


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(),
        st.text().map("https://".__add__),
        st.text(alphabet="[]:@%/\\.?#0129afx\u3002\uff11").map("http://".__add__),
    )
)
def test_no_link_is_too_strange(url: str) -> None:
    parts = split_link(url)
    if parts is not None:
        assert codes(url, url) >= ({"host_same"} if not parts.username else set())
        assert host_of(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://media.example/film.mp4", {"host_same"}),
        ("https://MEDIA.example./film.mp4", {"host_same"}),
        ("https://media.example:443/film.mp4", {"host_same"}),
        ("http://media.example/film.mp4", {"host_same", "plain_http"}),
        ("http://media.example:80/", {"host_same", "plain_http"}),
        ("https://media.example:8443/", {"host_same", "odd_port"}),
        ("https://media.example:22/", {"host_same", "odd_port"}),
        ("https://a:b@media.example/", {"host_same", "url_userinfo"}),
        ("https://a@media.example/", {"host_same", "url_userinfo"}),
        ("https://scontent.whatsapp.net/v/1", {"host_differs", "sample_host_as_link"}),
        ("https://scontent.whatsapp.net./v/1", {"host_differs", "sample_host_as_link"}),
    ],
)
def test_a_link(url: str, expected: set[str]) -> None:
    assert codes(url, "https://media.example/sample.mp4?oe=1") == expected


@dataclass
class Known:
    """An uploaded film."""

    mime_type: str = "video/mp4"
    sha256: str = ""
    file_size: int | None = 1000


class Ids:
    """Meta, with one film of number 7."""

    def __init__(self, media: Known | None = None, failure: str | None = None) -> None:
        self._media, self._failure = media or Known(), failure

    async def media(self, media_id: str, phone_number_id: str | None = None) -> Known | None:
        if self._failure is not None:
            raise LookupFailed(self._failure)
        return self._media if media_id == "4" and phone_number_id in (None, "7") else None


def id_codes(
    media_id: str,
    number: str | None = "7",
    *,
    ids: Ids | None = None,
    age: timedelta | None = None,
    looked_up: bool = True,
) -> set[str]:
    async def uploaded_at(_media_id: str) -> datetime | None:
        return None if age is None else NOW - age

    asked = (ids or Ids()) if looked_up else None
    found, _, _ = asyncio.run(look_at_id(media_id, number, "video", asked, uploaded_at, NOW))
    assert all(one.code in CODES for one in found)
    return {one.code for one in found}


def test_an_id() -> None:
    assert id_codes("4") == {"id_owned", "id_age_unknown", "size_fits"}
    assert id_codes("4", None) == {"id_found", "id_age_unknown", "size_fits"}
    assert id_codes("4", "8") == {"id_of_other_number", "id_age_unknown"}
    assert id_codes("5") == {"id_unknown", "id_age_unknown"}
    assert id_codes("4", looked_up=False) == {"id_unchecked", "id_age_unknown"}
    assert id_codes("4", ids=Ids(failure="HTTP 500")) == {"id_lookup_failed", "id_age_unknown"}
    assert id_codes("x4") == id_codes("٤") == {"id_malformed"}
    assert id_codes("") == {"no_media"}
    assert id_codes("ftp://media.example/x") == {"wrong_scheme"}
    big = Known("image/jpeg", file_size=17 * 1024**2)
    assert id_codes("4", ids=Ids(big)) >= {"wrong_kind", "too_large"}
    assert "not_accepted" in id_codes("4", ids=Ids(Known("audio/ogg")))


@pytest.mark.parametrize(
    ("age", "code"),
    [
        (timedelta(0), "id_age"),
        (timedelta(days=28, seconds=-1), "id_age"),
        (timedelta(days=28), "id_expires_soon"),
        (timedelta(days=30, seconds=-1), "id_expires_soon"),
        (timedelta(days=30), "id_expired"),
    ],
)
def test_the_age_of_an_id(age: timedelta, code: str) -> None:
    assert id_codes("4", age=age) == {"id_owned", code, "size_fits"}
