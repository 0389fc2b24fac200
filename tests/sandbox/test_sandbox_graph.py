"""Templates, numbers, health, media, media hosts."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from wacampaign.sandbox.client import SandboxControl
from wacampaign.sandbox.demo import (
    DEMO_MEDIA_ID,
    DEMO_OTHER_PATH,
    DEMO_PHONE_NUMBER_ID,
    DEMO_VIDEO,
    DEMO_VIDEO_HOST,
    DEMO_VIDEO_PATH,
    DEMO_WABA_ID,
)

TEMPLATES = f"/v25.0/{DEMO_WABA_ID}/message_templates"
#: Bytes that a careless multipart reader changes.
PICTURE = bytes(range(256)) + b"\r\n--\r\n\n\r--frontier--\r\n"


def test_templates_are_paged_to_the_end(http: httpx.Client, control: SandboxControl) -> None:
    more = [
        {"name": f"t{n}", "language": "hi", "components": [{"type": "BODY", "text": "Namaste"}]}
        for n in range(7)
    ]
    ids = control.put_templates(DEMO_WABA_ID, *more)
    assert len(set(ids)) == 7
    names, sizes = [], []
    url = f"{TEMPLATES}?limit=5&fields=name,status"
    while url:
        answer = http.get(url).json()
        sizes.append(len(answer["data"]))
        assert {tuple(template) for template in answer["data"]} == {("name", "status", "id")}
        names += [template["name"] for template in answer["data"]]
        assert set(answer["paging"]["cursors"]) == {"before", "after"}
        url = answer["paging"].get("next")
        assert url is None or url.startswith("http://127.0.0.1:")
    assert sizes == [5, 5, 3]
    assert len(names) == len(set(names)) == 13
    assert names[-7:] == [f"t{n}" for n in range(7)]


def test_the_after_cursor_and_the_way_back(http: httpx.Client) -> None:
    first = http.get(TEMPLATES, params={"limit": 2}).json()
    second = http.get(
        TEMPLATES, params={"limit": 2, "after": first["paging"]["cursors"]["after"]}
    ).json()
    assert "previous" not in first["paging"]
    back = http.get(second["paging"]["previous"]).json()
    assert back["data"] == first["data"] != second["data"]
    third = http.get(second["paging"]["next"]).json()
    assert http.get(third["paging"]["previous"]).json()["data"] == second["data"]
    beyond = http.get(TEMPLATES).json()["paging"]["cursors"]["after"]
    assert http.get(TEMPLATES, params={"after": beyond}).json() == {"data": []}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "after=x", "after=Y3Vyc29yOng="])
def test_wrong_paging(http: httpx.Client, query: str) -> None:
    answer = http.get(f"{TEMPLATES}?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


def test_a_template_keeps_its_components_as_seeded(http: httpx.Client) -> None:
    listed = {t["name"]: t for t in http.get(TEMPLATES).json()["data"]}
    video = listed["demo_video"]
    assert video["components"][0]["example"]["header_handle"] == [
        f"https://{DEMO_VIDEO_HOST}/{DEMO_VIDEO_PATH}"
    ]
    assert http.get(f"/v25.0/{video['id']}").json() == video
    health = http.get(f"/v25.0/{video['id']}?fields=health_status").json()["health_status"]
    assert [e["entity_type"] for e in health["entities"]] == ["MESSAGE_TEMPLATE", "WABA"]


def test_an_unknown_waba(http: httpx.Client) -> None:
    for edge in ("message_templates", "phone_numbers"):
        answer = http.get(f"/v25.0/404404/{edge}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, 803)


def test_numbers(http: httpx.Client, control: SandboxControl) -> None:
    control.put_number("2", waba_id=DEMO_WABA_ID, throughput="HIGH", quality_rating="RED")
    listed = http.get(f"/v25.0/{DEMO_WABA_ID}/phone_numbers?limit=1").json()
    assert [n["id"] for n in listed["data"]] == [DEMO_PHONE_NUMBER_ID]
    following = http.get(listed["paging"]["next"]).json()["data"]
    assert [(n["id"], n["quality_rating"]) for n in following] == [("2", "RED")]
    wanted = (
        "id,display_phone_number,verified_name,status,quality_rating,code_verification_status,"
        "name_status,account_mode,throughput,health_status,"
        "whatsapp_business_manager_messaging_limit"
    )
    number = http.get("/v25.0/2", params={"fields": wanted}).json()
    assert set(number) == set(wanted.split(","))
    assert number["throughput"] == {"level": "HIGH"}
    assert number["status"] == "CONNECTED"
    assert set(http.get("/v25.0/2").json()) >= {"id", "display_phone_number", "verified_name"}


def test_an_unknown_object(http: httpx.Client, control: SandboxControl) -> None:
    control.put_number("555", waba_id="777", token="sandbox-token-2")
    for object_id in ("404404", "555", "777"):
        answer = http.get(f"/v25.0/{object_id}")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)


def test_health_is_the_worst_of_its_entities(http: httpx.Client, control: SandboxControl) -> None:
    def health(object_id: str) -> dict[str, object]:
        answer = http.get(f"/v25.0/{object_id}?fields=health_status").json()
        return dict(answer["health_status"])

    assert health(DEMO_PHONE_NUMBER_ID)["can_send_message"] == "AVAILABLE"
    error = {"error_code": 141006, "error_description": "payment", "possible_solution": "pay"}
    control.set_health(DEMO_WABA_ID, "BLOCKED", errors=[error])
    control.set_health(DEMO_PHONE_NUMBER_ID, "LIMITED")
    number = health(DEMO_PHONE_NUMBER_ID)
    assert number["can_send_message"] == "BLOCKED"
    assert number["entities"] == [
        {
            "entity_type": "PHONE_NUMBER",
            "id": DEMO_PHONE_NUMBER_ID,
            "can_send_message": "LIMITED",
        },
        {
            "entity_type": "WABA",
            "id": DEMO_WABA_ID,
            "can_send_message": "BLOCKED",
            "errors": [error],
        },
    ]
    assert health(DEMO_WABA_ID)["can_send_message"] == "BLOCKED"


def upload(http: httpx.Client, content: bytes, mime_type: str) -> httpx.Response:
    return http.post(
        f"/v25.0/{DEMO_PHONE_NUMBER_ID}/media",
        data={"messaging_product": "whatsapp", "type": mime_type},
        files={"file": ("a file.bin", content, mime_type)},
    )


def test_media_from_upload_to_deletion(http: httpx.Client) -> None:
    uploaded = upload(http, PICTURE, "image/png").json()
    assert set(uploaded) == {"id"}
    assert uploaded["id"].isdecimal()
    path = f"/v25.0/{uploaded['id']}"
    media = http.get(path).json()
    assert media["mime_type"] == "image/png"
    assert media["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert media["file_size"] == len(PICTURE)
    downloaded = http.get(media["url"])
    assert downloaded.content == PICTURE
    assert downloaded.headers["content-type"] == "image/png"
    assert httpx.get(media["url"], trust_env=False).status_code == 401
    assert http.get(path, params={"phone_number_id": "404404"}).status_code == 400
    assert http.get(path, params={"phone_number_id": DEMO_PHONE_NUMBER_ID}).status_code == 200
    assert http.delete(path).json() == {"success": True}
    for answer in (http.delete(path), http.get(path)):
        assert answer.json()["error"]["code"] == 100
    assert http.get(media["url"]).status_code == 404


def test_uploads_that_meta_refuses(http: httpx.Client) -> None:
    heic = upload(http, b"x", "image/heic")
    assert heic.json()["error"]["code"] == 100
    assert "image/heic" in heic.json()["error"]["message"]
    assert upload(http, bytes(5 * 1024 * 1024), "image/jpeg").status_code == 200
    assert upload(http, bytes(5 * 1024 * 1024 + 1), "image/jpeg").json()["error"]["code"] == 131053
    path = f"/v25.0/{DEMO_PHONE_NUMBER_ID}/media"
    file = {"file": ("a.png", b"x", "image/png")}
    product = {"messaging_product": (None, "whatsapp")}
    broken = [
        http.post(path, files=file),
        http.post(path, files=product),
        http.post(path, json={"messaging_product": "whatsapp"}),
        http.post("/v25.0/404404/media", files=file | product),
        http.post(
            path,
            content=b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        ),
    ]
    for answer in broken:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


def test_media_hosts(http: httpx.Client, control: SandboxControl) -> None:
    path = control.put_hosted(
        "botspace-uploads.s3.eu-west-1.amazonaws.com", "/u/film one.mp4", PICTURE, "video/mp4"
    )
    served = http.get(path)
    assert (served.content, served.headers["content-type"]) == (PICTURE, "video/mp4")
    head = http.head(path)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(PICTURE)))
    gone = control.put_hosted(
        "s3", "moved.mp4", status=302, headers={"Location": "/hosts/s3/new.mp4"}
    )
    moved = http.get(gone)
    assert (moved.status_code, moved.headers["location"]) == (302, "/hosts/s3/new.mp4")
    assert http.get("/hosts/s3/new.mp4").status_code == 404
    assert http.get(f"/hosts/{DEMO_VIDEO_HOST}/{DEMO_VIDEO_PATH}").content == DEMO_VIDEO
    fetches = {file["path"]: file["fetches"] for file in control.hosted()}
    assert fetches == {"u/film one.mp4": 2, "moved.mp4": 1, DEMO_VIDEO_PATH: 1, DEMO_OTHER_PATH: 0}


@pytest.mark.parametrize(
    ("asked", "part", "shown"),
    [
        ("bytes=0-3", PICTURE[:4], f"bytes 0-3/{len(PICTURE)}"),
        (f"bytes=2-{10**9}", PICTURE[2:], f"bytes 2-{len(PICTURE) - 1}/{len(PICTURE)}"),
        ("bytes=3-", PICTURE[3:], f"bytes 3-{len(PICTURE) - 1}/{len(PICTURE)}"),
        (
            "bytes=-2",
            PICTURE[-2:],
            f"bytes {len(PICTURE) - 2}-{len(PICTURE) - 1}/{len(PICTURE)}",
        ),
    ],
)
def test_a_part_of_a_file(
    http: httpx.Client, control: SandboxControl, asked: str, part: bytes, shown: str
) -> None:
    path = control.put_hosted("media.example", "film.mp4", PICTURE, "video/mp4")
    got = http.get(path, headers={"Range": asked})
    assert (got.status_code, got.content, got.headers["content-range"]) == (206, part, shown)
    head = http.head(path, headers={"Range": asked})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(PICTURE)))
    assert head.headers["accept-ranges"] == "bytes"


def test_no_such_part(http: httpx.Client, control: SandboxControl) -> None:
    path = control.put_hosted("media.example", "film.mp4", PICTURE, "video/mp4")
    beyond = http.get(path, headers={"Range": f"bytes={len(PICTURE)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (
        416,
        f"bytes */{len(PICTURE)}",
    )
    for odd in ("bytes=-", "bytes=4-2", "bytes=0-1,3-4", "lines=1-2"):
        got = http.get(path, headers={"Range": odd})
        assert (got.status_code, got.content) == (200, PICTURE)
    plain = control.put_hosted(
        "media.example", "plain.mp4", PICTURE, "video/mp4", headers={"Accept-Ranges": "none"}
    )
    assert http.get(plain, headers={"Range": "bytes=0-3"}).status_code == 200


def test_seeded_media(http: httpx.Client, control: SandboxControl) -> None:
    media_id = control.put_media(DEMO_PHONE_NUMBER_ID, PICTURE, "image/png")
    assert media_id != DEMO_MEDIA_ID
    assert http.get(http.get(f"/v25.0/{media_id}").json()["url"]).content == PICTURE
    assert control.put_media(DEMO_PHONE_NUMBER_ID, b"x", "image/png", "77") == "77"
