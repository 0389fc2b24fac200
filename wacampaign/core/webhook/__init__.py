"""What Meta tells by webhook: statuses, messages, preferences, news of templates and accounts."""
