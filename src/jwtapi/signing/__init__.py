"""The life of signing keys: made, published, used, retired, revoked."""
