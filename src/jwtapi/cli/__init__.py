"""The `jwtapi` command."""
