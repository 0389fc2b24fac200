"""The preflight's judgement: from facts about a campaign to lines that a person acts on."""
