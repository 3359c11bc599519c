"""Declares the feature: the second step of a login."""

from jwtapi.feature import Feature
from jwtapi.features.login_mfa.router import router

feature = Feature(routers=(router,))
