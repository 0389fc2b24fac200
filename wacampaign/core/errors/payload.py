"""Faults of payload or template. Source: "Payload or template" of Meta's codes, and 135000."""

from dataclasses import replace
from typing import Final

from wacampaign.core.errors.model import ErrorEntry, Handling, counts, investigate, pauses
from wacampaign.core.outcomes import Scope

#: Answers with 135000, over the run, until number and template are held. Nobody knows its cause
#: beforehand; on the night of the incident it failed 2,093 rows of 2,093.
OPAQUE_HOLD_AFTER: Final = 3
#: Milliseconds until media that Meta could not fetch is tried again: it caches a link for ten
#: minutes by its URL, but most such faults are the origin's and pass within two.
MEDIA_WAIT_MS: Final = 120_000
#: Seconds of a template's sync to the marketing API (Meta: up to ten minutes).
SYNC_HOLD_S: Final = 600

_SYNC: Final = "wacampaign templates sync, then wacampaign resume CAMPAIGN"
_FIX_VALUES: Final = "correct the contacts' variables in the CSV and create a campaign from them"
_FLOW: Final = "mend the flow in WhatsApp Manager, then wacampaign resume CAMPAIGN"
_OTHER_ENDPOINT: Final = (
    "the marketing endpoint answered: set WHATSAPP_API_URL to the plain Cloud API, then "
    "wacampaign resume CAMPAIGN"
)


def _names_the_variable(code: int) -> str:
    return (
        f"wacampaign templates sync, then {investigate(code)}: "
        "it names the variable that does not fit"
    )


PAYLOAD_AND_TEMPLATE: Final[tuple[ErrorEntry, ...]] = (
    # 100 and 131009 are also what an expired media id looks like, so they hold the campaign's
    # media and not the template for all campaigns.
    counts(
        100,
        "Invalid parameter",
        Scope.MEDIA,
        f"{investigate(100)}; when a media id has expired: wacampaign fix-media CAMPAIGN --upload",
        retryable=True,
    ),
    counts(
        131008,
        "Required parameter is missing",
        Scope.TEMPLATE,
        _names_the_variable(131008),
        retryable=True,
    ),
    counts(
        131009,
        "Parameter value is not valid",
        Scope.MEDIA,
        f"{investigate(131009)}; when it is the media: wacampaign fix-media CAMPAIGN --upload",
        retryable=True,
    ),
    # Often passing: one more try before it counts against the media.
    replace(
        counts(
            131053,
            "Media upload error",
            Scope.MEDIA,
            "wacampaign fix-media CAMPAIGN --code 131053 --upload: Meta then fetches nothing",
            retryable=True,
            handling=Handling.RETRY,
        ),
        max_retries=1,
        wait_ms=MEDIA_WAIT_MS,
    ),
    # The payload fits our copy of the template (checked before the POST), so the copy is stale;
    # but the row as it stands cannot go out.
    pauses(
        132000,
        "Number of parameters does not match",
        Scope.TEMPLATE,
        _names_the_variable(132000),
        burns=True,
    ),
    pauses(132001, "Template does not exist", Scope.TEMPLATE, _SYNC, http=404),
    counts(132005, "Translated text too long", Scope.TEMPLATE, _FIX_VALUES),
    pauses(
        132007,
        "Template content policy violated",
        Scope.TEMPLATE,
        "change the template in WhatsApp Manager and create a campaign with the new one",
        burns=True,
        retryable=False,
    ),
    counts(132008, "Parameter value invalid", Scope.TEMPLATE, _FIX_VALUES, http=None),
    pauses(
        132012,
        "Parameter format does not match",
        Scope.TEMPLATE,
        _names_the_variable(132012),
        burns=True,
    ),
    pauses(
        132015,
        "Template is paused",
        Scope.TEMPLATE,
        "wacampaign templates sync; unpause it in WhatsApp Manager, or when it is still approved "
        "wait for the review of the portfolio; then wacampaign resume CAMPAIGN",
    ),
    # Kept, though nothing sends with this template again: whoever moves the campaign to another
    # one wants all its rows, not all but those that happened to be in flight.
    pauses(
        132016,
        "Template is disabled",
        Scope.TEMPLATE,
        "create a new template in WhatsApp Manager, wacampaign templates sync, and a campaign "
        "with it; wacampaign cancel CAMPAIGN",
        retryable=False,
    ),
    counts(132018, "Issue with the parameters in your template", Scope.TEMPLATE, _FIX_VALUES),
    pauses(132068, "Flow is blocked", Scope.TEMPLATE, _FLOW),
    pauses(132069, "Flow is throttled (10 messages an hour)", Scope.TEMPLATE, _FLOW),
    pauses(
        131061,
        "Template with a maximum price",
        Scope.TEMPLATE,
        "such a template goes through the marketing endpoint only: use a template without a bid",
        http=None,
    ),
    pauses(
        131063,
        "Marketing templates are switched off",
        Scope.ACCOUNT,
        "switch marketing messages on for Cloud API in WhatsApp Manager, then "
        "wacampaign resume CAMPAIGN",
        http=None,
    ),
    pauses(131055, "Method not allowed", Scope.TEMPLATE, _OTHER_ENDPOINT),
    pauses(134100, "Only marketing messages supported", Scope.TEMPLATE, _OTHER_ENDPOINT),
    pauses(
        134101,
        "Template is still syncing",
        Scope.TEMPLATE,
        "wait: the worker tries again in ten minutes",
        seconds=SYNC_HOLD_S,
    ),
    pauses(134102, "Template unavailable for use", Scope.TEMPLATE, _OTHER_ENDPOINT, http=500),
    # In a changelog only; read as 134102.
    pauses(134103, "Template unavailable for use", Scope.TEMPLATE, _OTHER_ENDPOINT, http=None),
    # The cause may lie in the payload, so the row fails; a repair sends it again. Not sent, and
    # not charged, either way.
    replace(
        counts(
            135000,
            "Generic user error",
            Scope.TEMPLATE,
            f"find the cause with {investigate(135000)}",
            retryable=True,
        ),
        look_first=True,
        hold_after=OPAQUE_HOLD_AFTER,
        hold_cumulative=True,
    ),
)
