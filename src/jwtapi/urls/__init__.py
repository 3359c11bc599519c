"""Checks the URLs of databases before a driver parses them. No error repeats a URL, because it may have a password."""
