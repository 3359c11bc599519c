"""The API keys of the signed-in user: making, listing and revoking them."""
