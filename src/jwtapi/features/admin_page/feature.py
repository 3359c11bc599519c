"""Declares the feature: the admin page."""

from jwtapi.feature import Feature
from jwtapi.features.admin_page.router import router
from jwtapi.features.admin_page.settings import AdminPageSettings, serves_admin_page

feature = Feature(
    routers=(router,),
    is_on=serves_admin_page,
    settings=AdminPageSettings,
)
