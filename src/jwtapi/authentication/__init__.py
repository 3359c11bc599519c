"""Authentication: which user sends a request, by its bearer token."""
