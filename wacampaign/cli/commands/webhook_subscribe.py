"""`webhook subscribe`: who gets the accounts' webhooks at Meta."""

from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from wacampaign.cli.options import AsJson, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import FINDING, tell
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.session import read_settings, run_told, with_store
from wacampaign.core.cells import solid
from wacampaign.operations import webhook_subscription
from wacampaign.operations.webhook_subscription import OWN_ADDRESS, AccountSubscription
from wacampaign.problems import Usage


def subscribe(
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL|app",
            help="Where this account's webhooks go instead of the app's own address; app: there.",
            show_default=False,
        ),
    ] = None,
    waba: Annotated[
        str | None,
        typer.Option(
            "--waba",
            metavar="WABA_ID",
            help="Of this account alone, not of each with an active number.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", "-n", help="Print the plan, change nothing; exit code 3: some is missing."
        ),
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Subscribe our app to the webhooks of each WhatsApp Business account.

    Without it nothing comes, and no error says so. Ours is the app that the token belongs to; what
    other apps have stays. Where the webhooks go is set at Meta, in the app, unless --url says
    otherwise: Meta then asks that address for its challenge at once, so the receiver must run. With
    META_APP_SECRET it is told, too, which fields the app is not subscribed to.

    Example: wacampaign webhook subscribe --dry-run

    Example: wacampaign webhook subscribe --url https://example.com/api/webhooks
    """
    url, waba = _checked_url(url), _checked_waba(waba)
    settings = read_settings(env_file, store)
    accounts = with_store(settings, webhook_subscription.look, settings, url, waba)
    missing = [account for account in accounts if account.missing]
    plan = webhook_subscription.plan_of(accounts)
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        told.plan = plan
        goes_on = bool(missing) and agreed(plan, yes=yes, dry_run=dry_run)
        if goes_on:
            accounts = run_told(webhook_subscription.carry_out(settings, accounts))
        changed = any(account.changed for account in accounts)
        told.done(changed=changed, accounts=[_as_json(account) for account in accounts])
        if goes_on:
            for account in accounts:
                if account.ours is not None and account.problem is None:
                    tell(f"account {account.waba_id}: {account.ours.in_words}")
        elif not missing:
            for note in plan.notes:
                tell(note)
        problem = next((one.problem for one in accounts if one.problem is not None), None)
        if problem is None:
            if dry_run and (missing or any(account.missing_fields for account in accounts)):
                raise typer.Exit(FINDING)
            show_next("wacampaign webhook")
    if problem is not None:
        problem.changed = changed
        raise problem


def _as_json(account: AccountSubscription) -> dict[str, Any]:
    ours = account.ours
    return {
        "waba_id": account.waba_id,
        "numbers": account.numbers,
        "app_id": account.app_id,
        "subscribed": ours is not None if account.app_id is not None else None,
        "override_url": ours.override if ours else None,
        "wanted_url": account.override,
        "missing": account.missing,
        "app_url": account.webhook.url if account.webhook else None,
        "missing_fields": list(account.missing_fields) if account.webhook else None,
        "others": [
            {"app_id": app.app_id, "name": app.name, "override_url": app.override}
            for app in account.apps
            if app.app_id != account.app_id
        ],
        "problem": account.problem.message if account.problem else None,
    }


def _checked_url(url: str | None) -> str | None:
    """The address, or `OWN_ADDRESS`. Raises `Usage` for one that Meta would not take."""
    if url is None or url == OWN_ADDRESS:
        return url
    again = "wacampaign webhook subscribe --url https://example.com/api/webhooks"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise Usage("--url is no address", again) from None
    if parts.scheme != "https" or not host:
        raise Usage(
            f"--url must be an address that begins with https://, or {OWN_ADDRESS}: Meta sends to "
            "no other",
            again,
        )
    return url


def _checked_waba(waba: str | None) -> str | None:
    if waba is None:
        return None
    waba_id = solid(waba)
    if not (waba_id.isascii() and waba_id.isdigit()):
        raise Usage("--waba must be an id of Meta's: digits only", "wacampaign number list")
    return waba_id
