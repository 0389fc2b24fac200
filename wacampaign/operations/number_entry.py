"""Entering a sending number, or what is new of one: what Meta says, the plan, the entry."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wacampaign.core.masking import mask_phone
from wacampaign.core.numbers import RATE_DEFAULT, KnownNumber, Number
from wacampaign.core.plan import Change, Plan
from wacampaign.core.words import counted
from wacampaign.meta.client import CloudApi
from wacampaign.meta.refusal import NoSuchObject
from wacampaign.operations.messaging_limits import owner_of
from wacampaign.operations.template_sync import SyncPlan, plan_sync
from wacampaign.problems import Refused
from wacampaign.settings import Settings
from wacampaign.store.budgets import Budgets
from wacampaign.store.numbers import Numbers
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates

_BOTH_IDS: Final = "take PHONE_NUMBER_ID and WABA_ID from the same page: the app's API set-up"


@dataclass(frozen=True, slots=True)
class NumberEntry:
    """What is going to be entered."""

    phone_number_id: str
    waba_id: str
    #: Messages a second; None: as it is, `RATE_DEFAULT` for a new one.
    rate: int | None
    #: As the database has it already.
    known: KnownNumber | None
    #: What Meta says of it, and of its templates; None: Meta was not asked.
    described: Number | None = None
    sync: SyncPlan | None = None
    #: Whether the account may use the marketing endpoint, in Meta's word; None: not asked.
    onboarding: str | None = None
    #: Id and name of the business that owns the account, as far as the token may see it.
    owner: tuple[str, str] | None = None
    #: What is kept in the database; None: what is there stays.
    token: str | None = field(default=None, repr=False)

    @property
    def plan(self) -> Plan:
        """What changes, in figures and sentences."""
        known, described, sync = self.known, self.described, self.sync
        rate = self.rate or (known.rate_configured if known else RATE_DEFAULT)
        was = f"{known.rate_configured:.0f}/s" if known else "none"
        steps = [Change(1, "number", was, f"{rate:.0f}/s")]
        if known and not known.is_active:
            steps.append(Change(1, "number", "switched off", "switched on"))
        notes = [f"phone number id {self.phone_number_id}, account {self.waba_id}"]
        if described is None:
            notes.append("Meta is not asked: name, quality and templates stay unknown")
        else:
            notes.append(
                f"{described.verified_name or 'without a name'}: {described.status}, quality "
                f"{described.quality_rating}, throughput "
                f"{described.throughput_in_words or 'unknown'}"
            )
            if described.messaging_limit:
                notes.append(f"messaging limit of its portfolio: {described.messaging_limit}")
            limit = described.most_per_second
            if limit is not None and rate > limit:
                notes.append(
                    f"NOTE: Meta takes at most {limit:,} a second from it, not {rate:,.0f}: "
                    f"{limit:,} is used"
                )
        if sync is not None:
            taken_over, gone = len(sync.new) + len(sync.changed), len(sync.gone)
            if taken_over:
                steps.append(Change(taken_over, "template", "at Meta", "in the database"))
            if gone:
                steps.append(Change(gone, "template", "active", "inactive, as Meta has it no more"))
            notes += sync.told_uses
        if self.token is not None:
            notes.append("the token you typed is kept in the database, with the number")
        elif not (known and known.has_token):
            notes.append("no token is kept in the database: META_ACCESS_TOKEN is used")
        return Plan(
            title=f"{'update' if known else 'add'} the number {self.phone_number_id}",
            steps=tuple(steps),
            notes=tuple(notes),
            samples=tuple(
                f"template {template.label}"
                for template in (*sync.new, *(one.now for one in sync.changed))
            )
            if sync
            else (),
            next_command="wacampaign templates list",
        )


async def known_with_token(
    store: Store, phone_number_id: str
) -> tuple[KnownNumber | None, str | None]:
    """The number as the database has it, and its own token."""
    for number in await Numbers(store).all():
        if number.phone_number_id == phone_number_id:
            return number, (await Numbers(store).tokens([number.id])).get(number.id)
    return None, None


async def read_from_meta(
    store: Store, settings: Settings, entry: NumberEntry, token: str
) -> NumberEntry:
    """The entry with the number and the templates of its account as Meta has them now.

    Raises `Refused` when the account does not have the number: entered with another account's id,
    it would be synced with templates it cannot send. Raises what `CloudApi` raises.
    """
    async with CloudApi(settings.api_url, settings.api_version, token) as api:
        try:
            described = await api.number(entry.phone_number_id)
            others = [other.id async for other in api.numbers(entry.waba_id)]
        except NoSuchObject as problem:
            problem.suggestion = _BOTH_IDS
            raise
        if entry.phone_number_id not in others:
            raise Refused(
                "this WhatsApp Business account does not have the number; it has"
                f" {counted(len(others), 'other')}",
                _BOTH_IDS,
            )
        number_id = entry.known.id if entry.known else None
        sync = await plan_sync(store, api, entry.waba_id, number_id)
        asked = entry.known is not None and entry.known.marketing.mode != "off"
        onboarding = await api.onboarding(entry.waba_id) if asked else None
        owner = await owner_of(api, entry.waba_id)
    return replace(entry, described=described, sync=sync, onboarding=onboarding, owner=owner)


async def enter_number(store: Store, entry: NumberEntry, actor: str) -> tuple[KnownNumber, bool]:
    """Enters the number, or updates what is known of it, with its templates; whether it was new.

    Raises `Refused` when another entry has its digits.
    """
    numbers = await Numbers(store).all()
    described, phone_number_id = entry.described, entry.phone_number_id
    digits = "".join(c for c in described.display_phone_number if c.isdigit()) if described else ""
    if digits:
        _refuse_taken_digits(numbers, phone_number_id, digits)
    # A name that the operator gave to a known number stays.
    is_known = any(n.phone_number_id == phone_number_id for n in numbers)
    number_id, added = await Numbers(store).add(
        phone_number_id=phone_number_id,
        waba_id=entry.waba_id,
        number=digits or None,
        display_name=described.verified_name or None if described and not is_known else None,
        verified_name=described.verified_name or None if described else None,
        quality_rating=described.quality_rating or None if described else None,
        access_token=entry.token,
        rate=entry.rate,
        actor=actor,
    )
    number = next(n for n in await Numbers(store).all() if n.id == number_id)
    if entry.sync is not None:
        await Templates(store).put(number.id, entry.sync.read, actor)
    if entry.onboarding is not None:
        await Numbers(store).set(number.id, actor, onboarding=entry.onboarding)
    if described is not None:
        await Budgets(store).told(number.id, described, entry.owner)
        number = next(n for n in await Numbers(store).all() if n.id == number_id)
    return number, added


def _refuse_taken_digits(numbers: Sequence[KnownNumber], phone_number_id: str, digits: str) -> None:
    """Raises `Refused` when another entry has these digits: a number is entered once."""
    for number in numbers:
        same = "".join(c for c in number.digits if c.isdecimal()) == digits
        if same and number.phone_number_id != phone_number_id:
            taken_by = (
                f"the phone number id {number.phone_number_id}"
                if number.phone_number_id
                else "no phone number id"
            )
            raise Refused(
                f"{mask_phone(digits)} is entered already, with {taken_by}",
                f"set phone_number_id to {phone_number_id} in whatsapp_numbers, row {number.id}",
            )
