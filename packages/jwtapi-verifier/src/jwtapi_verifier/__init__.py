"""Checks the access tokens of a jwtapi: with its public keys, and with its feed of revocations."""

from jwtapi_verifier.claims import Claims
from jwtapi_verifier.errors import ExpiredToken, InvalidToken, Unavailable
from jwtapi_verifier.sync import SyncVerifier
from jwtapi_verifier.verifier import Verifier

__all__ = ["Claims", "ExpiredToken", "InvalidToken", "SyncVerifier", "Unavailable", "Verifier"]
