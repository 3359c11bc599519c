"""API keys: credentials of a user for programs, with at most the roles that the user has."""
