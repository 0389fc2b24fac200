"""The receiver of Meta's webhooks: keeps each body before it answers, passes it on if asked to."""
