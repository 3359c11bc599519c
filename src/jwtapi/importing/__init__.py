"""Brings users from other systems, with their ids and password hashes, and writes them out in the same form."""
