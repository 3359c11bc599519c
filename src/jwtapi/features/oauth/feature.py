"""What the token endpoint gives to the composition root."""

from jwtapi.feature import Feature
from jwtapi.features.oauth.documentation import complete
from jwtapi.features.oauth.router import router

feature = Feature(routers=(router,), complete_document=complete)
