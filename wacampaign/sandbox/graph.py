"""The Graph paths other than messages: media, templates, numbers, health."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from wacampaign.sandbox.answers import (
    WRONG_APP_TOKEN,
    Refusal,
    no_such_alias,
    no_such_object,
    parameter_required,
)
from wacampaign.sandbox.demo import DEMO_APP_ID, DEMO_APP_NAME, DEMO_APP_TOKEN
from wacampaign.sandbox.http1 import Reply, Request
from wacampaign.sandbox.multipart import read_form
from wacampaign.sandbox.paging import page, select_fields
from wacampaign.sandbox.simulation import Simulation
from wacampaign.sandbox.state import Media, Number
from wacampaign.sandbox.uploads import SESSION

#: What an endpoint answers: JSON, Meta's error, or what is neither.
Answer = dict[str, Any] | Refusal | Reply

#: MIME type: largest size in bytes (Meta, "Supported media types").
_MEGABYTE = 1024 * 1024
MEDIA_LIMITS: dict[str, int] = {
    "image/jpeg": 5 * _MEGABYTE,
    "image/png": 5 * _MEGABYTE,
    "video/mp4": 16 * _MEGABYTE,
    "video/3gpp": 16 * _MEGABYTE,
    "audio/aac": 16 * _MEGABYTE,
    "audio/amr": 16 * _MEGABYTE,
    "audio/mpeg": 16 * _MEGABYTE,
    "audio/mp4": 16 * _MEGABYTE,
    "audio/ogg": 16 * _MEGABYTE,
    "image/webp": 500 * 1024,
    "text/plain": 100 * _MEGABYTE,
    "application/pdf": 100 * _MEGABYTE,
    "application/msword": 100 * _MEGABYTE,
    "application/vnd.ms-excel": 100 * _MEGABYTE,
    "application/vnd.ms-powerpoint": 100 * _MEGABYTE,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": 100 * _MEGABYTE,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": 100 * _MEGABYTE,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": 100 * _MEGABYTE,
}

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")

#: What Graph returns of a number when no fields are asked for.
_NUMBER_DEFAULTS = "id,display_phone_number,verified_name,quality_rating,code_verification_status"


def json_reply(value: object, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(json.dumps(value).encode(), status)


def as_reply(answer: Answer) -> Reply:
    """The answer as it goes over the wire."""
    if isinstance(answer, Refusal):
        return Reply(answer.body(), answer.http_status)
    return answer if isinstance(answer, Reply) else json_reply(answer)


class GraphEndpoints:
    """Answers everything but messages; the token was checked before."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def answer(self, request: Request, path: list[str], token: str) -> Answer:
        """Answer a request for `path` (its parts after the version)."""
        account = self._simulation.account
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        match (request.method, path):
            case ("POST", [number_id, "media"]):
                return self._upload(request, number_id, token)
            case ("POST", [app_id, "uploads"]):
                if app_id != DEMO_APP_ID:
                    return no_such_object(app_id, "POST")
                return self._simulation.uploads.begin(request)
            case ("POST" | "GET", [session_id]) if session_id.startswith(SESSION):
                return self._simulation.uploads.answer(request, session_id)
            case ("POST", [waba_id, "message_templates"]):
                if not account.may(token, waba_id):
                    return no_such_object(waba_id, "POST")
                settings = self._simulation.settings
                return self._simulation.creation.create(
                    waba_id,
                    request.body,
                    review_ms=settings.review_ms,
                    most=settings.templates_most,
                )
            case ("GET", ["app"]):
                return {"id": DEMO_APP_ID, "name": DEMO_APP_NAME, "link": "https://example.com/"}
            case ("GET", ["debug_token"]):
                # Of itself, or of any other by the app's own token (Meta, debug_token).
                asked = query.get("input_token", "")
                if token not in (asked, DEMO_APP_TOKEN):
                    return WRONG_APP_TOKEN
                app = {"app_id": DEMO_APP_ID, "application": DEMO_APP_NAME}
                return {"data": app | account.token_facts(asked)}
            case ("GET", [app_id, "subscriptions"]):
                if (app_id, token) != (DEMO_APP_ID, DEMO_APP_TOKEN):
                    return WRONG_APP_TOKEN
                return self._simulation.subscribed_apps.set_up()
            case ("GET" | "POST" | "DELETE", [waba_id, "subscribed_apps"]):
                if not account.may(token, waba_id):
                    return no_such_object(waba_id, request.method)
                return self._simulation.subscribed_apps.answer(request, waba_id)
            case ("GET", [waba_id, "message_templates" | "phone_numbers" as edge]):
                if not account.may(token, waba_id):
                    return no_such_alias(waba_id)
                if edge == "message_templates":
                    templates = account.templates.values()
                    objects = [t.fields for t in templates if t.waba_id == waba_id]
                else:
                    numbers = [n for n in account.numbers.values() if n.waba_id == waba_id]
                    wanted = query.get("fields", _NUMBER_DEFAULTS)
                    objects = [select_fields(self._number(n), wanted) for n in numbers]
                return page(objects, f"{_origin(request)}{request.path}", query)
            case ("GET", [object_id]):
                return self._read(request, object_id, query, token)
            case ("DELETE", [media_id]):
                media = self._reachable_media(media_id, query, token)
                if media is None:
                    return no_such_object(media_id, "DELETE")
                del account.media[media_id]
                return {"success": True}
            case _:
                shown = "/" + "/".join(path)
                return Refusal(2500, message=f"Unknown path components: {shown}")

    def download(self, media_id: str, token: str) -> Reply:
        """The bytes behind the `url` of a media object; needs the token like Meta's."""
        media = self._reachable_media(media_id, {}, token)
        if media is None:
            return Reply(b"Not found", 404, "text/plain")
        return Reply(media.content, content_type=media.mime_type)

    def hosted(self, request: Request, host: str, path: str) -> Reply:
        """A file of a pretended media host, or the part of it that is asked for."""
        file = self._simulation.account.hosted.get((unquote(host), unquote(path)))
        if file is None:
            return Reply(b"Not found", 404, "text/plain")
        file.fetches += 1
        headers = dict(file.headers)
        wanted = request.headers.get("range") if request.method == "GET" else None
        if file.status != 200 or headers.setdefault("Accept-Ranges", "bytes") != "bytes":
            wanted = None
        return _part(Reply(file.content, file.status, file.content_type, headers=headers), wanted)

    def _reachable_media(self, media_id: str, query: dict[str, str], token: str) -> Media | None:
        account = self._simulation.account
        media = account.media.get(media_id)
        if media is None or query.get("phone_number_id", media.phone_number_id) != (
            media.phone_number_id
        ):
            return None
        return media if account.may(token, account.numbers[media.phone_number_id].waba_id) else None

    def _read(self, request: Request, object_id: str, query: dict[str, str], token: str) -> Answer:
        account = self._simulation.account
        wanted = query.get("fields")
        number = account.numbers.get(object_id)
        if number is not None and account.may(token, number.waba_id):
            return select_fields(self._number(number), wanted or _NUMBER_DEFAULTS)
        if object_id in account.wabas and account.may(token, object_id):
            health = account.health_status(("WABA", object_id))
            waba = account.wabas[object_id] | {"health_status": health}
            return select_fields(waba, wanted or "id,name")
        media = self._reachable_media(object_id, query, token)
        if media is not None:
            return {
                "messaging_product": "whatsapp",
                "url": f"{_origin(request)}/_media/{media.id}",
                "mime_type": media.mime_type,
                "sha256": media.sha256,
                "file_size": len(media.content),
                "id": media.id,
            }
        templates = account.templates.values()
        template = next((t for t in templates if t.fields["id"] == object_id), None)
        if template is not None and account.may(token, template.waba_id):
            if not wanted:
                return template.fields
            health = account.health_status(
                ("MESSAGE_TEMPLATE", object_id), ("WABA", template.waba_id)
            )
            return select_fields(template.fields | {"health_status": health}, wanted)
        return no_such_object(object_id, "GET")

    def _number(self, number: Number) -> dict[str, Any]:
        health = self._simulation.account.health_status(
            ("PHONE_NUMBER", number.id), ("WABA", number.waba_id)
        )
        return number.fields | {
            "id": number.id,
            "throughput": {"level": number.throughput},
            "health_status": health,
        }

    def _upload(self, request: Request, number_id: str, token: str) -> Answer:
        account = self._simulation.account
        number = account.numbers.get(number_id)
        if number is None or not account.may(token, number.waba_id):
            return no_such_object(number_id, "POST")
        try:
            form = read_form(request.headers.get("content-type", ""), request.body)
        except ValueError as exc:
            return Refusal(100, message=f"(#100) {exc}")
        product, file = form.get("messaging_product"), form.get("file")
        if product is None or product.content != b"whatsapp":
            return parameter_required("messaging_product")
        if file is None or file.filename is None:
            return parameter_required("file")
        mime_type = (file.content_type or "application/octet-stream").partition(";")[0].strip()
        limit = MEDIA_LIMITS.get(mime_type)
        if limit is None:
            return Refusal(
                100,
                message="(#100) Param file must be a file with one of the following types: "
                f"{', '.join(MEDIA_LIMITS)}. Received file of type '{mime_type}'.",
            )
        if len(file.content) > limit:
            return Refusal(131053, f"File of {len(file.content)} bytes, the limit is {limit}")
        return {"id": account.add_media(number_id, file.content, mime_type).id}


def _part(reply: Reply, wanted: str | None) -> Reply:
    """The part that a Range header names; all of it without one, and for several parts."""
    asked = _RANGE.fullmatch(wanted or "")
    if asked is None or asked[0] == "bytes=-":
        return reply
    size = len(reply.body)
    if asked[1]:
        begin, end = int(asked[1]), min(int(asked[2] or size), size - 1)
        if asked[2] and int(asked[2]) < begin:
            return reply
    else:
        begin, end = max(0, size - int(asked[2])), size - 1
    if begin > end:
        reply.status, reply.body = 416, b""
        reply.headers["Content-Range"] = f"bytes */{size}"
        return reply
    reply.status, reply.body = 206, reply.body[begin : end + 1]
    reply.headers["Content-Range"] = f"bytes {begin}-{end}/{size}"
    return reply


def _origin(request: Request) -> str:
    return f"{request.scheme}://{request.headers.get('host', '127.0.0.1')}"
