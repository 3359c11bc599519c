"""Declares the feature: the account of the signed-in user."""

from jwtapi.authentication.fast_path import PrincipalEndpoint
from jwtapi.feature import Feature
from jwtapi.features.account.router import api, api_profile, profile, router
from jwtapi.features.account.service import AccountService
from jwtapi.storage.database import Database

feature = Feature(
    routers=(router, api),
    tags={"account": "The name, the account and the settings of the signed-in user."},
    fast_endpoints=(PrincipalEndpoint("/profile", profile), PrincipalEndpoint("/api/profile", api_profile)),
    services=lambda services: (AccountService(services[Database]),),
)
