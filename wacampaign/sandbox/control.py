"""The control API under `/_sandbox/`: seed the account, script faults, ask the referee."""

import base64
import json
from dataclasses import asdict
from itertools import islice
from typing import Any, cast
from urllib.parse import parse_qsl

from wacampaign.sandbox.creation import Review
from wacampaign.sandbox.graph import json_reply
from wacampaign.sandbox.http1 import Reply, Request
from wacampaign.sandbox.news import news
from wacampaign.sandbox.referee import COUNT_BY, CountBy
from wacampaign.sandbox.simulation import Simulation
from wacampaign.sandbox.situations import Situations
from wacampaign.sandbox.stalls import Stalls
from wacampaign.sandbox.webhooks import Webhooks

#: Items in an answer unless `limit` says otherwise.
DEFAULT_LIMIT = 1000


class ControlEndpoints:
    """Answers the control API. Wrong input is answered with 400 and `{"error": text}`."""

    def __init__(self, simulation: Simulation, webhooks: Webhooks, stalls: Stalls) -> None:
        self._simulation = simulation
        self._webhooks = webhooks
        self._stalls = stalls
        self._situations = Situations(simulation, webhooks)

    def answer(self, request: Request, path: list[str]) -> Reply:
        """Answer a request for `path` (its parts after `_sandbox`)."""
        faults = self._simulation.faults.in_force
        if request.method == "DELETE" and len(path) == 2 and path[0] == "faults":
            found = path[1].isdecimal() and faults.pop(int(path[1]), None) is not None
            return json_reply({"removed": found}, 200 if found else 404)
        if request.method == "DELETE" and len(path) == 2 and path[0] == "situations":
            found = self._situations.end(path[1])
            return json_reply({"removed": found}, 200 if found else 404)
        try:
            body = json.loads(request.body) if request.body else {}
            if not isinstance(body, dict):
                raise ValueError("the body must be a JSON object")
            query = dict(parse_qsl(request.query))
            answer = self._answer(f"{request.method} {'/'.join(path)}", body, query)
        except KeyError as exc:
            return json_reply({"error": f"missing: {exc.args[0]}"}, 400)
        except (ValueError, TypeError, AttributeError) as exc:
            return json_reply({"error": str(exc)}, 400)
        if answer is None:
            return json_reply({"error": "no such control endpoint"}, 404)
        return json_reply(answer)

    def _answer(
        self, wanted: str, body: dict[str, Any], query: dict[str, str]
    ) -> dict[str, Any] | None:
        simulation, webhooks = self._simulation, self._webhooks
        account, faults = simulation.account, simulation.faults
        match wanted:
            case "GET ready":
                return {"ready": True}
            case "POST wabas":
                waba_id = str(body.pop("waba_id"))
                account.put_waba(waba_id, body.pop("token"), body.pop("name", None), **body)
                return {"waba_id": waba_id}
            case "POST tokens/revoke":
                return {"revoked": account.tokens.pop(body["token"], None) is not None}
            case "POST tokens":
                token = str(body.pop("token"))
                account.put_token(token, **body)
                return account.token_facts(token)
            case "POST numbers":
                number = account.put_number(body)
                return {
                    "phone_number_id": number.id,
                    "waba_id": number.waba_id,
                    "throughput": number.throughput,
                    "mps": number.mps,
                }
            case "POST templates":
                waba_id = str(body["waba_id"])
                put = [account.put_template(waba_id, template) for template in body["templates"]]
                return {"ids": [template.fields["id"] for template in put]}
            case "POST media":
                content = base64.b64decode(body["content_base64"], validate=True)
                media = account.add_media(
                    str(body["phone_number_id"]), content, body["mime_type"], body.get("id")
                )
                return {"id": media.id, "sha256": media.sha256}
            case "POST hosts":
                file = account.put_hosted(
                    body["host"],
                    body["path"],
                    base64.b64decode(body.get("content_base64", ""), validate=True),
                    body.get("content_type", "application/octet-stream"),
                    body.get("status", 200),
                    body.get("headers"),
                )
                return {"path": f"/hosts/{file.host}/{file.path}"}
            case "GET hosts":
                return {"items": [file.shown() for file in account.hosted.values()]}
            case "POST reviews":
                review = Review(**body)
                simulation.creation.reviews.append(review)
                return asdict(review)
            case "GET reviews":
                reviews = simulation.creation.reviews
                return {"items": [asdict(review) for review in reviews]}
            case "POST health":
                object_id = str(body.pop("id"))
                account.set_health(object_id, body)
                return {"id": object_id}
            case "GET settings":
                return asdict(simulation.settings)
            case "POST settings":
                simulation.settings.change(body)
                return asdict(simulation.settings)
            case "POST webhook":
                webhooks.settings.change(body)
                return {"url": webhooks.settings.url}
            case "POST inbound":
                message = simulation.people.writes(body)
                webhooks.add(message)
                return {"id": message.element["id"]}
            case "POST preferences":
                webhooks.add(simulation.people.prefers(body))
                return {"queued": True}
            case "POST news":
                webhooks.add(news(account, body))
                return {"queued": True}
            case "POST subscriptions":
                return {"apps": simulation.subscribed_apps.change(body)}
            case "POST held":
                held, template = simulation.held, body.get("template")
                if body["end"] not in ("release", "drop"):
                    raise ValueError("end must be release or drop")
                end = held.release if body["end"] == "release" else held.drop
                return {"ended": end(webhooks, template), "held": len(held)}
            case "POST faults":
                return faults.add(body).shown()
            case "GET faults":
                return {"items": [fault.shown() for fault in faults.in_force.values()]}
            case "DELETE faults":
                faults.in_force.clear()
                return {"items": []}
            case "POST situations":
                return self._situations.begin(body).shown()
            case "GET situations":
                in_force = self._situations.in_force.values()
                return {"items": [situation.shown() for situation in in_force]}
            case "DELETE situations":
                return {"ended": self._situations.end_all()}
            case "GET totals":
                names = ("waiting", "delivered", "abandoned")
                shown = {name: getattr(webhooks, name) for name in names}
                return simulation.totals() | {"webhook": shown}
            case "GET counts":
                return self._counts(query)
            case "GET accepted":
                return self._accepted(query)
            case "GET messages":
                return {"items": list(simulation.latest)}
            case "GET rates":
                rates = simulation.referee.rates
                number_id = query.get("phone_number_id")
                return {id_: r.shown() for id_, r in rates.items() if number_id in (None, id_)}
            case "GET stalls":
                return {"items": list(self._stalls.spans)}
            case "POST reset":
                if body.get("everything"):
                    simulation.reset_everything()
                    webhooks.reset()
                    self._situations.in_force.clear()
                else:
                    simulation.reset_counts()
                return {"reset": True}
            case _:
                return None

    def _counts(self, query: dict[str, str]) -> dict[str, Any]:
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

    def _accepted(self, query: dict[str, str]) -> dict[str, Any]:
        start, limit = int(query.get("after", 0)), int(query.get("limit", DEFAULT_LIMIT))
        if start < 0 or limit < 1:
            raise ValueError("after must be 0 or more, limit 1 or more")
        referee = self._simulation.referee
        items = [referee.message(seq) for seq in islice(range(start, len(referee)), limit)]
        end = start + len(items)
        return {"items": items, "next": end if end < len(referee) else None}
