"""Signing in: somebody proves to be a user, and a session opens."""
