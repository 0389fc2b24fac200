"""`retry-failed`: failed rows that were never accepted become ready again."""

from wacampaign.cli.options import AsJson, CampaignArgument, Code, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import tell
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.screens.campaign_json import named_json
from wacampaign.cli.screens.failures import show_none_retried
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.words import rows
from wacampaign.operations import retry


def retry_failed(
    campaign: CampaignArgument,
    code: Code = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Make failed rows ready again, once their cause is gone.

    By itself those whose error may pass (see `failures`); with --code those of that code,
    whatever it is. Rows that were sent, were ever accepted or are in doubt are never touched, nor
    rows of marketing for people who opted out of it. A completed campaign runs again; a paused one
    stays paused until `resume`.

    Example: wacampaign retry-failed Bajaj_market_2 --dry-run

    Example: wacampaign retry-failed Bajaj_market_2 --code 135000
    """
    settings = read_settings(env_file, store)

    with change_told(as_json=as_json, dry_run=dry_run) as told:
        # Asked between two visits to the database: inside the event loop Ctrl-C would not be heard.
        survey = with_store(settings, retry.look, campaign, code)
        named = named_json(survey.campaign)
        told.done(changed=False, campaign=named, code=code, rows=0, reopened=False)
        if survey.is_empty:
            show_none_retried(survey)
            return
        if not agreed(retry.retry_plan(survey), yes=yes, dry_run=dry_run):
            return
        done = with_store(settings, retry.carry_out, survey)
        if not done.rows:  # somebody else was quicker
            show_none_retried(survey)
            return
        told.done(rows=done.rows, reopened=done.reopened)
        tell(f"made ready again: {rows(done.rows)} of {survey.campaign}")
        if done.reopened:
            tell("the campaign was completed, and runs again")
        show_next(done.next_command)
