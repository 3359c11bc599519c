"""The administration of what has happened and of what waits: events, API keys, clients, mails, and a dashboard."""
