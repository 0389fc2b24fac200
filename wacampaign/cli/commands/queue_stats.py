"""`queue-stats`: what is wrong first, then counts, pace and errors of each campaign."""

from wacampaign.cli.options import AsJson, CampaignsArgument, EnvFile, ShowNumbers, StoreFlag
from wacampaign.cli.output import print_json, tell_styled
from wacampaign.cli.screens.campaign_json import stats_json
from wacampaign.cli.screens.queue_stats import stats_lines
from wacampaign.cli.session import read_settings, with_arrivals
from wacampaign.operations.watch import look


def queue_stats(
    campaigns: CampaignsArgument = None,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show problems, counts, pace and errors of campaigns.

    What is wrong comes first, with the command that acts on it. Without a campaign: all that are
    not over.

    Example: wacampaign queue-stats

    Example: wacampaign queue-stats Bajaj_market_2 --json
    """

    settings = read_settings(env_file, store)
    stats = with_arrivals(settings, look, campaigns, show_numbers=show_numbers)
    if as_json:
        print_json(stats_json(stats))
    else:
        for line in stats_lines(stats):
            tell_styled(line)
