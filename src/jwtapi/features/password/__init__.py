"""Forgotten and new passwords: POST /password/forgot and /password/reset, PUT /api/password."""
