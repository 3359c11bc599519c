"""Declares the feature: forward authentication."""

from jwtapi.authentication.fast_path import PrincipalEndpoint
from jwtapi.feature import Feature
from jwtapi.features.forward_auth.router import router, verify

feature = Feature(routers=(router,), fast_endpoints=(PrincipalEndpoint("/auth/verify", verify),))
