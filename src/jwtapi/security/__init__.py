"""Tokens, passwords and user names: cryptography and policies, without HTTP and without SQL."""
