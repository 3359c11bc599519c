"""Signing in: a caller proves to be a user, and a session opens."""
