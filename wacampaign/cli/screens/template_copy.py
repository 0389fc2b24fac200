"""How `templates copy` shows its plan, the verdict on the copy, and both as JSON."""

from typing import Any

from wacampaign.cli.output import tell
from wacampaign.cli.plan import show_next
from wacampaign.core.plan import Change, Plan
from wacampaign.core.template.review import UNDECIDED, after_rejection
from wacampaign.core.templates import Template
from wacampaign.operations import template_copy
from wacampaign.operations.template_copy import PlannedCopy
from wacampaign.operations.template_samples import samples_in_words


def copy_plan(planned: PlannedCopy) -> Plan:
    """What would be created."""
    source, number = planned.source, planned.number
    notes = [
        f"in the account of {number.label} ({number.phone_number_id}), category {source.category}",
    ]
    if samples := samples_in_words(planned.contents):
        notes.append(f"{samples}, uploaded to Meta anew")
    if source.status != "APPROVED":
        notes.append(f"{source.name} itself is {source.status}: Meta may judge its copy alike")
    if planned.copied.left_out:
        notes.append(
            f"left out, as creation does not take it: {', '.join(planned.copied.left_out)}"
        )
    notes += planned.warnings
    notes.append("Meta reviews it; the templates of the account are synced then")
    return Plan(
        title=f"copy the template {planned.title}",
        steps=[Change(1, "template", "none", f"{planned.order.new}, in review at Meta")],
        notes=notes,
        next_command=_next(planned),
    )


def _next(planned: PlannedCopy) -> str:
    if planned.campaign is None:
        return f"wacampaign templates list --number {planned.number.shown}"
    return f"wacampaign fix-media {planned.campaign} --template {planned.order.new} --dry-run"


def show_verdict(planned: PlannedCopy, template: Template) -> None:
    """What Meta has decided, as far as it has, and what to do then."""
    if template.category != planned.source.category:
        tell(f"its category is {template.category}, not {planned.source.category}: prices differ")
    if template.status in UNDECIDED:
        tell(f"{template.name} is {template.status}: Meta's review goes on")
        show_next(template_copy.look_again(planned))
    elif template.status == "APPROVED":
        tell(f"approved: {template.name} can be sent")
        show_next(_next(planned))
    else:
        reason = template.rejected_reason
        tell(f"{template.name} is {template.status}" + (f": {reason}" if reason else ""))
        show_next(after_rejection(reason))


def copy_json(planned: PlannedCopy, template: Template | None) -> dict[str, Any]:
    """The copy as one object; `template`: as Meta has it, None before it is created."""
    return {
        "copied": {"name": planned.source.name, "language": planned.source.language},
        "phone_number_id": planned.number.phone_number_id,
        "samples": len(planned.contents),
        "left_out": list(planned.copied.left_out),
        "template": None
        if template is None
        else {
            "id": template.id,
            "name": template.name,
            "language": template.language,
            "status": template.status,
            "category": template.category,
            "rejected_reason": template.rejected_reason,
        },
    }
