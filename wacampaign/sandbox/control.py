"""The control API under `/_sandbox/`: seed the account, script faults, ask the referee."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from typing import Any, cast
from urllib.parse import parse_qsl

from wacampaign.sandbox.graph import json_reply
from wacampaign.sandbox.http1 import Reply, Request
from wacampaign.sandbox.referee import COUNT_BY, CountBy
from wacampaign.sandbox.simulation import Simulation
from wacampaign.sandbox.webhooks import Webhooks

#: Items in an answer unless `limit` says otherwise.
DEFAULT_LIMIT = 1000

Body = dict[str, Any]
Query = dict[str, str]


class ControlEndpoints:
    """Answers the control API. Wrong input is answered with 400 and `{"error": text}`."""

    def __init__(self, simulation: Simulation, webhooks: Webhooks) -> None:
        self._simulation = simulation
        self._webhooks = webhooks
        self._routes: dict[tuple[str, str], Callable[[Body, Query], object]] = {
            ("GET", "ready"): lambda _body, _query: {"ready": True},
            ("POST", "wabas"): self._put_waba,
            ("POST", "tokens/revoke"): self._revoke,
            ("POST", "numbers"): self._put_number,
            ("POST", "templates"): self._put_templates,
            ("POST", "media"): self._put_media,
            ("POST", "hosts"): self._put_hosted,
            ("GET", "hosts"): self._hosted,
            ("POST", "health"): self._set_health,
            ("GET", "settings"): self._settings,
            ("POST", "settings"): self._change_settings,
            ("POST", "webhook"): self._change_webhook,
            ("POST", "faults"): self._add_fault,
            ("GET", "faults"): self._faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "totals"): self._totals,
            ("GET", "counts"): self._counts,
            ("GET", "accepted"): self._accepted,
            ("GET", "rates"): self._rates,
            ("POST", "reset"): self._reset,
        }

    def answer(self, request: Request, path: list[str]) -> Reply:
        """Answer a request for `path` (its parts after `_sandbox`)."""
        if request.method == "DELETE" and len(path) == 2 and path[0] == "faults":
            found = path[1].isdecimal() and self._simulation.faults.remove(int(path[1]))
            return json_reply({"removed": found}, 200 if found else 404)
        route = self._routes.get((request.method, "/".join(path)))
        if route is None:
            return json_reply({"error": "no such control endpoint"}, 404)
        try:
            body = json.loads(request.body) if request.body else {}
            if not isinstance(body, dict):
                raise ValueError("the body must be a JSON object")
            return json_reply(route(body, dict(parse_qsl(request.query))))
        except KeyError as exc:
            return json_reply({"error": f"missing: {exc.args[0]}"}, 400)
        except (ValueError, TypeError, AttributeError) as exc:
            return json_reply({"error": str(exc)}, 400)

    def _put_waba(self, body: Body, _query: Query) -> object:
        self._simulation.account.put_waba(str(body["waba_id"]), body["token"], body.get("name"))
        return {"waba_id": str(body["waba_id"])}

    def _revoke(self, body: Body, _query: Query) -> object:
        return {"revoked": self._simulation.account.revoke(body["token"])}

    def _put_number(self, body: Body, _query: Query) -> object:
        number = self._simulation.account.put_number(body)
        return {
            "phone_number_id": number.id,
            "waba_id": number.waba_id,
            "throughput": number.throughput,
            "mps": number.mps,
        }

    def _put_templates(self, body: Body, _query: Query) -> object:
        account, waba_id = self._simulation.account, str(body["waba_id"])
        put = [account.put_template(waba_id, template) for template in body["templates"]]
        return {"ids": [template.fields["id"] for template in put]}

    def _put_media(self, body: Body, _query: Query) -> object:
        content = base64.b64decode(body["content_base64"], validate=True)
        media = self._simulation.account.add_media(
            str(body["phone_number_id"]), content, body["mime_type"], body.get("id")
        )
        return {"id": media.id, "sha256": media.sha256}

    def _put_hosted(self, body: Body, _query: Query) -> object:
        content = base64.b64decode(body.get("content_base64", ""), validate=True)
        file = self._simulation.account.put_hosted(
            body["host"],
            body["path"],
            content,
            body.get("content_type", "application/octet-stream"),
            body.get("status", 200),
            body.get("headers"),
        )
        return {"path": f"/hosts/{file.host}/{file.path}"}

    def _hosted(self, _body: Body, _query: Query) -> object:
        return {
            "items": [
                {
                    "host": file.host,
                    "path": file.path,
                    "status": file.status,
                    "content_type": file.content_type,
                    "size": len(file.content),
                    "fetches": file.fetches,
                }
                for file in self._simulation.account.hosted.values()
            ]
        }

    def _set_health(self, body: Body, _query: Query) -> object:
        entity = dict(body)
        object_id = str(entity.pop("id"))
        self._simulation.account.set_health(object_id, entity)
        return {"id": object_id}

    def _settings(self, _body: Body, _query: Query) -> object:
        return asdict(self._simulation.settings)

    def _change_settings(self, body: Body, query: Query) -> object:
        self._simulation.settings.change(body)
        return self._settings(body, query)

    def _change_webhook(self, body: Body, _query: Query) -> object:
        self._webhooks.settings.change(body)
        return {"url": self._webhooks.settings.url}

    def _add_fault(self, body: Body, _query: Query) -> object:
        return self._simulation.faults.add(body).shown()

    def _faults(self, _body: Body, _query: Query) -> object:
        return {"items": [fault.shown() for fault in self._simulation.faults.faults()]}

    def _clear_faults(self, _body: Body, _query: Query) -> object:
        self._simulation.faults.clear()
        return {"items": []}

    def _totals(self, _body: Body, _query: Query) -> object:
        webhooks = self._webhooks
        return self._simulation.totals() | {
            "webhook": {
                "waiting": webhooks.waiting,
                "delivered": webhooks.delivered,
                "abandoned": webhooks.abandoned,
            }
        }

    def _counts(self, _body: Body, query: Query) -> object:
        by = query.get("by", "recipient")
        if by not in COUNT_BY:
            raise ValueError(f"by must be one of {', '.join(COUNT_BY)}")
        least = int(query.get("min", 1))
        limit, offset = int(query.get("limit", DEFAULT_LIMIT)), int(query.get("offset", 0))
        counts = self._simulation.referee.counts(
            cast(CountBy, by),
            phone_number_id=query.get("phone_number_id"),
            template=query.get("template"),
            callback_prefix=query.get("callback_prefix"),
        )
        groups = 0
        items: list[dict[str, Any]] = []
        for group, count in counts:
            if count >= least:
                if offset <= groups < offset + limit:
                    items.append(group | {"count": count})
                groups += 1
        return {"by": by, "groups": groups, "items": items}

    def _accepted(self, _body: Body, query: Query) -> object:
        start, limit = int(query.get("after", 0)), int(query.get("limit", DEFAULT_LIMIT))
        if start < 0 or limit < 1:
            raise ValueError("after must be 0 or more, limit 1 or more")
        referee = self._simulation.referee
        items = [referee.message(seq) for seq in islice(range(start, len(referee)), limit)]
        end = start + len(items)
        return {"items": items, "next": end if end < len(referee) else None}

    def _rates(self, _body: Body, query: Query) -> object:
        wanted = query.get("phone_number_id")
        return {
            number: {
                "max_in_any_second": rate.max_in_any_second,
                "seconds": sorted(rate.seconds.items()),
            }
            for number, rate in self._simulation.referee.rates().items()
            if wanted in (None, number)
        }

    def _reset(self, body: Body, _query: Query) -> object:
        if body.get("everything"):
            self._simulation.reset_everything()
            self._webhooks.reset()
        else:
            self._simulation.reset_counts()
        return {"reset": True}
