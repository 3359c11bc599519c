"""Forgotten and new passwords: POST /password/forgot and /password/reset, PUT and DELETE /api/password."""
