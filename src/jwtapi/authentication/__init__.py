"""Which user sends a request: bearer tokens, and what they may do."""
