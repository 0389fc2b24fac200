"""Whether our app gets the webhooks of each account, and at which address."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wacampaign.core.numbers import KnownNumber
from wacampaign.core.plan import Change, Plan
from wacampaign.core.webhook.subscription import AppSubscription, AppWebhook
from wacampaign.core.words import counted
from wacampaign.meta.subscriptions import SubscriptionApi, app_token
from wacampaign.operations.numbers import known_numbers, tokens_of
from wacampaign.problems import AccessRefused, Misconfigured, Problem, Refused, Unreachable
from wacampaign.settings import Settings
from wacampaign.store.store import Store

#: What `--url` takes for: no override.
OWN_ADDRESS: Final = "app"
#: What an override leaves where it is (Meta's list of June 2026).
_NOT_OVERRIDDEN: Final = (
    "NOTE: news of templates and accounts, and preferences (marketing switched off or on), go to "
    "the app's own address all the same"
)


_NOBODY: Final = AppSubscription("", "", None)


@dataclass(frozen=True, slots=True)
class AccountSubscription:
    """One WhatsApp Business account: who gets its webhooks, and who is to."""

    waba_id: str
    numbers: int
    #: What is to be: an address, `OWN_ADDRESS`, or None: wherever they go now.
    url: str | None
    #: The app of the token; None, as with `apps`: Meta could not be asked (`problem`).
    app_id: str | None = None
    apps: tuple[AppSubscription, ...] = ()
    #: The apps that the database names for its numbers, where that is another one.
    other_apps: tuple[str, ...] = ()
    #: How the app is set up; None: no app secret of ours opened it, or nothing is set up.
    webhook: AppWebhook | None = None
    #: Whether one of our app secrets is the app's; None: none is set, or Meta did not say.
    secret_fits: bool | None = None
    problem: Problem | None = None
    #: Whether something was changed at Meta.
    changed: bool = False
    token: str = field(default="", repr=False)

    @property
    def ours(self) -> AppSubscription | None:
        """Our app's subscription; None: it has none."""
        return next((app for app in self.apps if app.app_id == self.app_id), None)

    @property
    def missing_fields(self) -> tuple[str, ...]:
        """What the app does not get and this program takes, as far as that is known."""
        return self.webhook.missing_fields if self.webhook is not None else ()

    @property
    def override(self) -> str | None:
        """The address that overrides the app's own, as it is to be."""
        if self.url is None:
            return self.ours.override if self.ours is not None else None
        return None if self.url == OWN_ADDRESS else self.url

    @property
    def missing(self) -> bool:
        """Whether something is to be done."""
        if self.problem is not None:
            return False
        return self.ours is None or self.ours.override != self.override


async def look(
    store: Store, settings: Settings, url: str | None, waba_id: str | None
) -> list[AccountSubscription]:
    """Asks Meta who gets the webhooks of this account, or of each account with an active number.

    An account that cannot be read has the reason beside it. Changes nothing. Raises `Refused` when
    there is no account, `Misconfigured` when an override is wanted without a token to verify it.
    """
    if url not in (None, OWN_ADDRESS) and not settings.webhook_verify_token:
        raise Misconfigured(
            "META_WEBHOOK_VERIFY_TOKEN is not set: Meta verifies the address with it",
            "set it in .env, to the same word for the receiver",
        )
    numbers = [number for number in await known_numbers(store) if number.is_active]
    accounts: dict[str, list[KnownNumber]] = {waba_id: []} if waba_id else {}
    for number in numbers:
        if number.waba_id is not None and waba_id in (None, number.waba_id):
            accounts.setdefault(number.waba_id, []).append(number)
    if not accounts:
        raise Refused(
            "there is no active sending number with a WABA id",
            "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
        )
    return [await _look(store, settings, url, *account) for account in accounts.items()]


async def _look(
    store: Store, settings: Settings, url: str | None, waba_id: str, numbers: Sequence[KnownNumber]
) -> AccountSubscription:
    account = AccountSubscription(waba_id, len(numbers), url)
    entered = {number.app_id for number in numbers if number.app_id}
    try:
        tokens = await tokens_of(store, settings, numbers)
        token = next(filter(None, [*tokens.values(), settings.access_token]), None)
        if token is None:
            raise Misconfigured(
                "no number of it has an access token, and META_ACCESS_TOKEN is not set",
                "set META_ACCESS_TOKEN in .env",
            )
        async with SubscriptionApi(settings.api_url, settings.api_version, token) as api:
            app_id = await _our_app(api, entered)
            apps = tuple(await api.subscribed(waba_id))
        webhook, fits = await _set_up(settings, app_id)
    except Problem as problem:
        problem.message = f"account {waba_id}: {problem.message}"
        return replace(account, problem=problem)
    others = tuple(sorted(entered - {app_id}))
    return replace(
        account,
        app_id=app_id,
        apps=apps,
        other_apps=others,
        webhook=webhook,
        secret_fits=fits,
        token=token,
    )


async def _set_up(settings: Settings, app_id: str) -> tuple[AppWebhook | None, bool | None]:
    """What the app gets, and whether one of our secrets is its own, which opens that."""
    fits: bool | None = False if settings.app_secrets else None
    for secret in settings.app_secrets:
        try:
            token = app_token(app_id, secret)
            async with SubscriptionApi(settings.api_url, settings.api_version, token) as api:
                return await api.app_webhook(app_id), True
        except Unreachable:
            raise
        except AccessRefused:
            continue
        except Problem:
            fits = None
    return None, fits


async def _our_app(api: SubscriptionApi, entered: set[str]) -> str:
    """The app of the token, or where Meta does not tell it, the one that the backend entered."""
    try:
        return await api.app_id()
    except Unreachable:
        raise
    except Problem as problem:
        if len(entered) == 1:
            return next(iter(entered))
        problem.suggestion = "put the app's id into whatsapp_numbers.app_id of the numbers"
        raise


def plan_of(accounts: Sequence[AccountSubscription]) -> Plan:
    """What is subscribed, and what that replaces."""
    wanted = [account for account in accounts if account.missing]
    changes: dict[tuple[str, str], int] = {}
    for account in wanted:
        was = "not subscribed" if account.ours is None else f"webhooks to {account.ours.goes_to}"
        becomes = replace(account.ours or _NOBODY, override=account.override)
        change = was, f"webhooks to {becomes.goes_to}"
        changes[change] = changes.get(change, 0) + 1
    apps = sorted({account.app_id for account in wanted if account.app_id})
    notes = [line for account in accounts for line in _notes(account)]
    if any(account.override for account in wanted):
        notes.append(_NOT_OVERRIDDEN)
    return Plan(
        title=f"subscribe the app {', '.join(apps)} to the webhooks of "
        f"{counted(len(wanted), 'account')}"
        if wanted
        else "subscribe to webhooks: nothing is missing",
        steps=tuple(Change(n, "account", *change) for change, n in changes.items()),
        notes=notes,
        next_command="wacampaign webhook",
    )


def _notes(account: AccountSubscription) -> list[str]:
    if account.problem is not None:
        return []
    label = f"account {account.waba_id} ({counted(account.numbers, 'number')})"
    ours = account.ours
    lines = []
    if not account.missing and ours is not None:
        lines.append(f"{label}: {ours.in_words}, as it is to be")
    elif ours is not None and ours.override:
        lines.append(f"{label}: {ours.override} gets nothing more of the app {account.app_id}")
    others = [app.in_words for app in account.apps if app.app_id != account.app_id]
    if others:
        lines.append(f"{label}: also subscribed, and stays so: {'; '.join(others)}")
    if account.webhook is not None:
        lines.append(f"{label}: the app's own address is {account.webhook.url}")
    if account.missing_fields:
        fields = ", ".join(account.missing_fields)
        page = f"https://developers.facebook.com/apps/{account.app_id}/webhooks/"
        lines.append(f"NOTE: {label}: the app is not subscribed to {fields}: tick them at {page}")
    if account.other_apps:
        lines.append(
            f"NOTE: {label}: the token is of the app {account.app_id}, and the database names "
            f"{', '.join(account.other_apps)}: its secret does not fit what comes"
        )
    return lines


async def carry_out(
    settings: Settings, accounts: Sequence[AccountSubscription]
) -> list[AccountSubscription]:
    """Subscribes what is missing, and reads back what Meta made of it.

    An account that Meta refuses has the reason beside it, and keeps no other from being subscribed.
    """
    return [
        await _subscribed(settings, account) if account.missing else account for account in accounts
    ]


async def _subscribed(settings: Settings, account: AccountSubscription) -> AccountSubscription:
    waba_id, override = account.waba_id, account.override
    try:
        async with SubscriptionApi(settings.api_url, settings.api_version, account.token) as api:
            # Meta overrides the address of an app that is subscribed. One that is already goes
            # straight from one override to the next: nothing must go to the app's own meanwhile.
            if account.ours is None or override is None:
                await api.subscribe(waba_id)
                account = replace(account, changed=True)
            if override is not None:
                await api.subscribe(waba_id, override, settings.webhook_verify_token)
                account = replace(account, changed=True)
            account = replace(account, apps=tuple(await api.subscribed(waba_id)))
        if account.missing:
            raise Problem(
                "Meta took the subscription, but does not show it",
                "wacampaign webhook subscribe --dry-run, in a minute",
            )
    except Problem as problem:
        problem.message = f"account {waba_id}: {problem.message}"
        return replace(account, problem=problem)
    return account
