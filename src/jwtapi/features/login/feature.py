"""Declares the feature: signing in and out with cookies."""

from jwtapi.feature import Feature
from jwtapi.features.login.documentation import complete
from jwtapi.features.login.router import router

feature = Feature(
    routers=(router,),
    tags={"auth": "Register, sign in, stay signed in, sign out."},
    complete_document=complete,
)
