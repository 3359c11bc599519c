"""POST /token: the token endpoint of OAuth2 (RFC 6749)."""
