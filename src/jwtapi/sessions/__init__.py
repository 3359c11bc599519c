"""Staying signed in, however one signed in."""
