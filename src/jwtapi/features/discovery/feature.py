"""Declares the feature: what programs that check tokens need to know of this server."""

from jwtapi.feature import Feature
from jwtapi.features.discovery.router import JWKS, METADATA, router

feature = Feature(
    routers=(router,),
    tags={"discovery": "For programs that check tokens by themselves."},
    public_paths=(JWKS, METADATA),
)
