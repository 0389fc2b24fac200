"""Why a campaign's messages are refused: evidence, hypotheses with verdicts, options."""
