"""A campaign recounted from its rows and messages: what is wrong with it, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.campaign import in_doubt
from wacampaign.core.campaign.delivery import Delivery, contradiction
from wacampaign.core.campaign.doubts import Doubt
from wacampaign.core.campaign.name import Named
from wacampaign.core.campaign.other_writers import ForeignWrite, deleted, kept_back
from wacampaign.core.words import are, counted, have, rows, were

#: What a count of the audit means when it is not 0: what is wrong, then what deserves attention.
_SENTENCES: Final = {
    "never_enqueued": "{n} of {contacts} lost: never put into the queue",
    "deleted": "{rows} lost: deleted from the queue",
    "left_behind": "{rows} lost: left behind, though it says completed",
    "twice_by_row": "{messages} too many: rows were accepted more than once",
    "unowned": "{messages} {were} accepted beyond one a row: owned by no row",
    "ids_shared": "{rows} with the message id of another row: accepted once, not twice",
    "count_drift": "the kept counts differ from the rows by {n}",
    "in_doubt": f"attention: {{n}} {in_doubt.NAME}: {in_doubt.UNSURE}",
    "assumed_sent": "attention: {n} of the accepted {are} assumed, as a person decided",
    "resent": "attention: {n} in doubt {were} sent once more, as a person decided",
    "without_id": "attention: {n} of the accepted {have} no message id to prove it",
    "recipients_repeated": "attention: recipients that are in more than one accepted row: {n}",
    "perhaps_repeated": "attention: {n} that may be the same person twice, in two spellings",
}


@dataclass(frozen=True, slots=True)
class Audit(Named):
    """One campaign's audit; counts are rows where nothing else is said.

    The order is that of `audit --json`: the contract's fields, then what they are made of and
    what else the database knows.
    """

    id: str
    rows: int
    accepted: int
    lost: int
    duplicates: int
    in_doubt: int
    ok: bool
    name: str
    status: str
    total_contacts: int
    failed: int
    never_enqueued: int
    deleted: int
    #: What other programs did to its rows or tried to, the latest first.
    others: tuple[ForeignWrite, ...]
    left_behind: int
    twice_by_row: int
    unowned: int
    ids_shared: int
    recipients_repeated: int
    #: People who may have been written to twice, in two national spellings of one number, and the
    #: numbers of some of them, masked. Not among `duplicates`: nobody knows for certain.
    perhaps_repeated: int
    perhaps_samples: tuple[str, ...]
    assumed_sent: int
    resent: int
    without_id: int
    count_drift: int
    total_sent_shown: int
    total_failed_shown: int
    #: Whether the shown totals should be right by now; not in the JSON.
    totals_due: bool
    #: What statuses tell of the accepted ones.
    delivery: Delivery
    #: The oldest rows in doubt, at most `DOUBTS_SHOWN`.
    doubts: tuple[Doubt, ...]

    @property
    def totals_differ(self) -> bool:
        """Whether the campaign shows other totals than its rows have."""
        shown = self.total_sent_shown, self.total_failed_shown
        return self.rows > 0 and self.totals_due and shown != (self.accepted, self.failed)

    @property
    def proved(self) -> str | None:
        """What Meta's statuses prove of the accepted ones; None where there can be none."""
        delivery = self.delivery
        if not delivery.accepted or not delivery.known:
            return None
        told = delivery.accepted - delivery.silent + delivery.passed_on
        sentence = (
            f"statuses: Meta confirms {told:,} of {delivery.accepted:,} accepted;"
            f" {delivery.delivered:,} {were(delivery.delivered)} delivered,"
            f" {delivery.undelivered:,} failed afterwards"
        )
        if delivery.contradicted:
            sentence += f"; {contradiction(delivery.contradicted)}"
        return sentence

    def _told(self, sentence: str, n: int) -> str:
        return sentence.format(
            n=f"{n:,}",
            rows=rows(n),
            messages=counted(n, "message"),
            contacts=counted(self.total_contacts, "contact"),
            are=are(n),
            were=were(n),
            have=have(n),
        )

    def findings(self) -> list[str]:
        """What is wrong, then what deserves attention, one sentence each."""
        findings = []
        for count, sentence in _SENTENCES.items():
            if n := getattr(self, count):
                findings.append(self._told(sentence, n))
                if count == "perhaps_repeated":
                    findings[-1] += f" ({', '.join(self.perhaps_samples)})"
                if count == "resent" and self.twice_by_row:
                    findings[-1] += "; what was accepted both times was sent twice, by hand"
                if count == "deleted":
                    findings += [write.sentence for write in deleted(self.others)]
        if not self.deleted:
            deletions = deleted(self.others)
            findings += [f"attention: {write.sentence} (and replaced since)" for write in deletions]
        findings += [f"attention: {write.sentence}" for write in kept_back(self.others)]
        if self.totals_differ:
            findings.append(
                f"attention: the campaign shows {self.total_sent_shown:,} sent and"
                f" {self.total_failed_shown:,} failed; its rows say {self.accepted:,} and"
                f" {self.failed:,}"
            )
        return findings


def audit_verdict(audits: Sequence[Audit]) -> str:
    """One line for all of them."""
    if not audits:
        return "there is no campaign to audit"
    bad = sum(1 for audit in audits if not audit.ok)
    doubt = sum(audit.in_doubt for audit in audits)
    note = f"; attention: {in_doubt.note(doubt)}" if doubt else ""
    if bad:
        return f"NOT OK: {bad} of {counted(len(audits), 'campaign')} {have(bad)} a finding{note}"
    return f"ok: {rows(sum(audit.rows for audit in audits))}, none lost, none sent twice{note}"
