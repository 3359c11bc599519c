"""jwtapi: a self-hosted JWT authentication API."""

__version__ = "0.1.0"
