"""Declares the feature: signing in and out with cookies."""

from jwtapi.feature import Feature
from jwtapi.features.login.documentation import complete
from jwtapi.features.login.router import logout, refresh, router

feature = Feature(
    routers=(router,),
    tags={"auth": "Register, sign in, stay signed in, sign out."},
    direct_endpoints=(refresh, logout),
    complete_document=complete,
)
