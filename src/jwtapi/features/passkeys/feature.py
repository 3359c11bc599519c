"""Declares the feature: passkeys."""

from jwtapi.feature import Feature
from jwtapi.features.passkeys.router import api, router

feature = Feature(
    routers=(router, api),
    tags={"passkeys": "Signing in without a password."},
    public_paths=("/.well-known/webauthn",),
)
