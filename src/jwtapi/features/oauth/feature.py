"""Declares the feature: the token endpoint."""

from jwtapi.feature import Feature
from jwtapi.features.oauth.documentation import complete
from jwtapi.features.oauth.router import router

feature = Feature(routers=(router,), complete_document=complete)
