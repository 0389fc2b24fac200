"""POST /{waba_id}/message_templates: what Meta checks when a template is created, and its review.

Sources: Meta's reference of template components and of the endpoint (September 2026); subcodes from
its error page and from answers in public reports (whatsapp-cloud-api, 1.3 and 4.6): 2388023 and
2388024 a name that is being deleted or taken, 2388019 the account's limit, 2388043 samples that are
missing, 2494102 (of 131009) a handle that is none.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from wacampaign.core.template.creation_fields import CATEGORIES, TEMPLATE_NAME
from wacampaign.sandbox.answers import Refusal, parameter_required
from wacampaign.sandbox.component_rules import check_creation
from wacampaign.sandbox.state import Account, Template
from wacampaign.sandbox.uploads import Uploads

Decision = Literal["APPROVED", "REJECTED", "PENDING"]
#: A language as Meta writes it: `en`, `en_US`, `zh_CN`, `fil`.
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
#: What the endpoint takes beside the components.
_FIELDS = frozenset(
    {
        *("name", "language", "category", "components", "parameter_format", "sub_category"),
        *("allow_category_change", "message_send_ttl_seconds", "display_format", "bid_spec"),
        *("cta_url_link_tracking_opted_out", "degrees_of_freedom_spec"),
        "is_primary_device_delivery_only",
    }
)
#: Where approved samples are shown, as at Meta.
SAMPLE_HOST = "scontent.whatsapp.net"


@dataclass(frozen=True, slots=True)
class Review:
    """What the review of new templates ends in. `template` None: of every one."""

    template: str | None = None
    #: PENDING: it does not end.
    verdict: Decision = "APPROVED"
    #: Of a rejection: Meta's word, such as INVALID_FORMAT.
    reason: str = "INVALID_FORMAT"
    #: Category that the reviewer finds right; None: the one that was asked for.
    category: str | None = None

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Decision):
            raise ValueError(f"verdict must be one of {', '.join(get_args(Decision))}")
        if self.category not in (None, *CATEGORIES):
            raise ValueError(f"category must be one of {', '.join(CATEGORIES)}")
        if not isinstance(self.template, str | None) or not isinstance(self.reason, str):
            raise ValueError("template and reason must be strings")


class TemplateCreation:
    """Creates templates in the account and reviews them."""

    def __init__(self, account: Account, uploads: Uploads) -> None:
        self._account = account
        self._uploads = uploads
        #: The newest one that fits decides.
        self.reviews: list[Review] = [Review()]
        #: Creations that were accepted since the start.
        self.created = 0

    def create(
        self, waba_id: str, body: bytes, *, review_ms: float, most: int
    ) -> dict[str, Any] | Refusal:
        """One creation; the verdict comes `review_ms` later. `most`: templates of an account."""
        try:
            given = json.loads(body)
        except ValueError:
            return Refusal(100, message="(#100) The body is not JSON")
        if not isinstance(given, dict):
            return Refusal(100, message="(#100) The body is not a JSON object")
        refusal = self._check(waba_id, given, most)
        if refusal is not None:
            return refusal
        review = next(r for r in reversed(self.reviews) if r.template in (None, given["name"]))
        category = str(given["category"]).upper()
        moved = review.category not in (None, category)
        if moved and given.get("allow_category_change"):
            category = str(review.category)
        kept = {k: v for k, v in given.items() if k not in ("allow_category_change", "components")}
        template = self._account.put_template(
            waba_id,
            kept
            | {
                "category": category,
                "status": "PENDING",
                "parameter_format": str(given.get("parameter_format", "POSITIONAL")).upper(),
                "components": self._as_shown(given["components"]),
                "rejected_reason": "NONE",
            },
        )
        self.created += 1
        if moved and not given.get("allow_category_change"):
            review = Review(verdict="REJECTED", reason="INCORRECT_CATEGORY")
        if review.verdict != "PENDING":
            loop = asyncio.get_running_loop()
            loop.call_later(review_ms / 1000.0, _decide, template, review)
        fields = template.fields
        return {"id": fields["id"], "status": fields["status"], "category": fields["category"]}

    def _check(self, waba_id: str, given: dict[str, Any], most: int) -> Refusal | None:
        for name in ("name", "language", "category", "components"):
            if not given.get(name):
                return parameter_required(name)
        if unknown := sorted(given.keys() - _FIELDS):
            return Refusal(100, message=f"(#100) Unexpected key {unknown[0]!r}")
        name, language = str(given["name"]), str(given["language"])
        if not TEMPLATE_NAME.fullmatch(name):
            return Refusal(
                100,
                message="(#100) Invalid parameter",
                user_title="Message template name is invalid",
                user_msg="The name may have lowercase letters, digits and underscores, and at most "
                "512 characters.",
            )
        if not _LANGUAGE.fullmatch(language):
            return Refusal(100, message=f"(#100) Param language {language!r} is not supported")
        if str(given["category"]).upper() not in CATEGORIES:
            return Refusal(100, message=f"(#100) Param category must be one of {set(CATEGORIES)}")
        if (waba_id, name, language) in self._account.templates:
            return Refusal(
                100,
                subcode=2388024,
                message="(#100) Invalid parameter",
                user_title="Content in this language already exists",
                user_msg=f"There is already {language} content for this template. You can create "
                "a new template and try again.",
            )
        if sum(key[0] == waba_id for key in self._account.templates) >= most:
            return Refusal(
                100,
                subcode=2388019,
                message="(#100) Invalid parameter",
                user_title="Message template limit exceeded",
                user_msg=f"The account has {most} message templates, the most it may have.",
            )
        return check_creation(given, self._uploads.samples)

    def _as_shown(self, components: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The components as GET shows them: the samples have an address instead of a handle."""
        shown: list[dict[str, Any]] = json.loads(json.dumps(components))
        for part in _parts(shown):
            part["type"] = str(part["type"]).upper()
            example = part.get("example")
            if isinstance(example, dict) and "header_handle" in example:
                example["header_handle"] = [self._hosted(h) for h in example["header_handle"]]
        return shown

    def _hosted(self, handle: str) -> str:
        sample = self._uploads.samples[handle]
        ending = sample.mime_type.partition("/")[2]
        path = f"v/t61.29466-34/{handle.split(':')[2]}_n.{ending}"
        self._account.put_hosted(SAMPLE_HOST, path, sample.content, sample.mime_type)
        return f"https://{SAMPLE_HOST}/{path}"


def _parts(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for part in components:
        yield part
        for card in part.get("cards", ()):
            yield from _parts(card.get("components", []))


def _decide(template: Template, review: Review) -> None:
    """The verdict, unless the control API was quicker."""
    if template.fields["status"] == "PENDING":
        template.fields["status"] = review.verdict
        if review.verdict == "REJECTED":
            template.fields["rejected_reason"] = review.reason
