"""Declares the feature: the account page."""

from jwtapi.feature import Feature
from jwtapi.features.account_page.router import router

feature = Feature(
    routers=(router,),
    is_on=lambda settings: settings.account_page_enabled,
)
