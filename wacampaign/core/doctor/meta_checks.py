"""What only Meta can tell: tokens, numbers, and who gets the webhooks."""

from collections.abc import Iterator
from typing import Final

from wacampaign.core.doctor.facts import Failed
from wacampaign.core.doctor.meta_facts import Account, AskedAccount, AskedNumber
from wacampaign.core.doctor.model import (
    Examined,
    Mending,
    failing,
    passed,
    some,
    unseen,
    unseen_all,
    wanting,
)
from wacampaign.core.doctor.traffic_checks import status_check
from wacampaign.core.preflight.facts import Trouble, Unanswered
from wacampaign.core.preflight.model import Check
from wacampaign.core.preflight.sender_checks import sender_lines
from wacampaign.core.words import duration

#: Seconds before its expiry that a token is told of, and from which on it is a fault.
_TOKEN_SOON: Final = 7 * 86_400.0
_TOKEN_NOW: Final = 86_400.0
#: Permissions that sending needs, and that templates and accounts need.
_TO_SEND: Final = "whatsapp_business_messaging"
_TO_MANAGE: Final = "whatsapp_business_management"
#: Lines of a preflight that concern the number alone, and not one campaign.
_OF_THE_NUMBER: Final = frozenset({"token", "number", "quality", "throughput", "health"})
_NEW_TOKEN: Final = (
    "a new token of a system user (Meta Business, Users, System users) with both WhatsApp "
    "permissions, into META_ACCESS_TOKEN in .env or access_token in whatsapp_numbers"
)

OF_META: Final = (
    *("cloud_api", "token", "token_expiry", "token_permissions", "number", "quality"),
    *("throughput", "health", "app_secret", "subscription", "statuses"),
)


def meta_checks(facts: Account | Failed) -> Iterator[Examined]:
    """All of Meta; of one kind those that are fine are one line."""
    if isinstance(facts, Failed):
        yield from unseen_all(OF_META, facts.text)
        return
    if not facts.numbers:
        yield wanting(
            "number",
            "no sending number is active",
            "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
            Mending.WORDS,
        )
        return
    yield _cloud_api(facts)
    lines: list[Examined] = []
    for number in facts.numbers:
        lines += _of_number(number)
        lines += _token(number, facts.now)
        lines += _secret(number, facts)
        heard = facts.hearing
        told = heard if isinstance(heard, Failed) else heard.get(number.known.id)
        lines.append(status_check(number.known.label, told))
    for account in facts.accounts:
        lines += _subscription(account)
    yield from _together(lines)


def _cloud_api(facts: Account) -> Examined:
    """Whether one question of all was answered."""
    name = "cloud_api"
    answers = [number.answers.number for number in facts.numbers]
    untold = [one for one in answers if isinstance(one, Unanswered)]
    if len(untold) < len(answers):
        return passed(name, "Meta answers")
    asked = [one for one in untold if one.trouble not in (Trouble.NO_TOKEN, Trouble.NOT_ASKED)]
    if not asked:
        return unseen(name, "nothing could be asked: no number has a token and a phone_number_id")
    away = [one.text for one in asked if one.trouble is Trouble.AWAY]
    if len(away) == len(asked):
        return failing(name, away[0], "check WHATSAPP_API_URL and the network", Mending.WORDS)
    return passed(name, "Meta answers")


def _of_number(number: AskedNumber) -> Iterator[Examined]:
    for line in sender_lines(number.known, number.answers, 0):
        if line.id in _OF_THE_NUMBER:
            fix = line.fix if line.verdict is not Check.OK else ""
            yield Examined(line.id, line.verdict, line.text, fix, Mending.WORDS)


def _token(number: AskedNumber, now: float) -> Iterator[Examined]:
    name, token = number.known.label, number.token
    both = ("token_expiry", "token_permissions")
    if isinstance(token, Unanswered):
        yield from unseen_all(both, f"{name}: {token.text}")
        return
    if not token.valid:
        yield failing(
            "token_expiry", f"{name}: its token is not valid any more", _NEW_TOKEN, _WORDS
        )
        yield unseen("token_permissions", f"{name}: its token is not valid any more")
        return
    left = None if token.expires_at is None else token.expires_at - now
    if left is None:
        yield passed("token_expiry", f"the token of {name} does not expire")
    elif left < _TOKEN_NOW:
        text = f"the token of {name} expires in {duration(left)}"
        yield failing("token_expiry", text, _NEW_TOKEN, _WORDS)
    elif left < _TOKEN_SOON:
        text = f"the token of {name} expires in {duration(left)}"
        yield wanting("token_expiry", text, _NEW_TOKEN, _WORDS)
    else:
        yield passed("token_expiry", f"the token of {name} is good for {duration(left)}")
    if _TO_SEND not in token.scopes:
        text = f"the token of {name} has no {_TO_SEND}: it cannot send"
        yield failing("token_permissions", text, _NEW_TOKEN, _WORDS)
    elif _TO_MANAGE not in token.scopes:
        text = f"the token of {name} has no {_TO_MANAGE}: templates and accounts cannot be read"
        yield wanting("token_permissions", text, _NEW_TOKEN, _WORDS)
    else:
        yield passed("token_permissions", f"the token of {name} may send and manage")


def _secret(number: AskedNumber, facts: Account) -> Iterator[Examined]:
    mine = [one for one in facts.accounts if one.waba_id == number.known.waba_id]
    if number.has_secret:
        yield passed("app_secret", f"{number.known.label} has its app's secret in the database")
    elif facts.secret_set and any(one.secret_fits is False for one in mine):
        yield wanting(
            "app_secret",
            f"{number.known.label}: META_APP_SECRET is not the secret of the app {mine[0].app_id},"
            " so none of its webhooks is believed",
            "META_APP_SECRET in .env (Meta, App settings, Basic), or app_secret in"
            " whatsapp_numbers",
            _WORDS,
        )
    elif facts.secret_set and any(one.secret_fits for one in mine):
        yield passed("app_secret", f"webhooks of {number.known.label} can be verified")
    elif facts.secret_set:
        why = f"{number.known.label}: META_APP_SECRET is set, and whose it is could not be asked"
        yield unseen("app_secret", why)
    else:
        yield wanting(
            "app_secret",
            f"{number.known.label}: no app secret is set, so none of its webhooks is believed",
            "META_APP_SECRET in .env (Meta, App settings, Basic), or app_secret in"
            " whatsapp_numbers",
            _WORDS,
        )


def _subscription(account: AskedAccount) -> Iterator[Examined]:
    name, label = "subscription", f"account {account.waba_id}"
    if account.fault:
        yield unseen(name, account.fault, account.fix)
        return
    if not any(app.app_id == account.app_id for app in account.apps):
        others = [app.in_words for app in account.apps]
        there = f"; subscribed is {some(others)}" if others else ""
        yield failing(
            name,
            f"{label}: our app {account.app_id} is not subscribed, so nothing comes{there}",
            "wacampaign webhook subscribe",
        )
        return
    faults = 0
    if account.missing_fields:
        faults += 1
        yield wanting(
            name,
            f"{label}: the app does not get {some(account.missing_fields)}",
            f"tick them at https://developers.facebook.com/apps/{account.app_id}/webhooks/",
            _WORDS,
        )
    if account.other_apps:
        faults += 1
        yield wanting(
            name,
            f"{label}: its token is of the app {account.app_id}, and the database names"
            f" {some(account.other_apps)}: that app's secret does not fit what comes",
            "correct app_id and app_secret in whatsapp_numbers, or take a token of that app",
            _WORDS,
        )
    if not faults:
        yield passed(name, f"our app {account.app_id} gets the webhooks")


def _together(lines: list[Examined]) -> Iterator[Examined]:
    """The same check of several numbers: those that are fine in one line."""
    for name in OF_META:
        mine = [line for line in lines if line.id == name]
        yield from dict.fromkeys(line for line in mine if line.verdict is not Check.OK)
        fine = list(dict.fromkeys(line.text for line in mine if line.verdict is Check.OK))
        if fine and len(fine) == len(dict.fromkeys(line.text for line in mine)):
            yield passed(name, "; ".join(fine[:3]) if len(fine) <= 3 else f"{some(fine)}")
        elif fine:
            yield passed(name, some(fine))


_WORDS: Final = Mending.WORDS
