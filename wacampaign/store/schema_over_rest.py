"""Comparing a schema over REST, where no table can be looked into."""

from wacampaign.problems import SchemaMissing
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.schema import Deviation, expected_version
from wacampaign.store.store import Store


async def differences_over_rest(store: Store) -> list[Deviation]:
    """The schema's version against this program's, and each campaign's counts against its rows."""
    try:
        version = str((await store.call("schema_version"))["version"])
        if version != expected_version():
            text = f"the database has version {version}, this program {expected_version()}"
            return [Deviation("version", version, text)]
        campaigns = Campaigns(store)
        stats = await campaigns.stats()
        audits = [await campaigns.audit(campaign.id) for campaign in stats.campaigns]
    except SchemaMissing as missing:
        return [Deviation("version", "none", missing.message)]
    return [
        Deviation("count", audit["id"], f"campaign {audit['id']}: counts differ from its rows")
        for audit in audits
        if audit["count_drift"]
    ]
