"""GET /auth/verify: checks access tokens for a proxy in front of other services."""
