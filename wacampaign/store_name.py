"""Where campaigns may be kept, by the names that WACAMPAIGN_STORE and `--store` take."""

from typing import Literal

StoreName = Literal["postgres", "supabase", "embedded"]
