"""The sources by the names that the command line has for them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from jwtapi.importing.sources.auth0 import AUTH0
from jwtapi.importing.sources.django import DJANGO
from jwtapi.importing.sources.fastapi_users import FASTAPI_USERS
from jwtapi.importing.sources.firebase import FIREBASE
from jwtapi.importing.sources.json_lines import CSV, JSON_LINES
from jwtapi.importing.sources.keycloak import KEYCLOAK
from jwtapi.importing.sources.kratos import KRATOS
from jwtapi.importing.sources.source import Source
from jwtapi.importing.sources.supabase import SUPABASE
from jwtapi.importing.sources.wordpress import WORDPRESS


class SourceName(StrEnum):
    JSON_LINES = "jsonl"
    CSV = "csv"
    DJANGO = "django"
    SUPABASE = "supabase"
    KEYCLOAK = "keycloak"
    AUTH0 = "auth0"
    FIREBASE = "firebase"
    WORDPRESS = "wordpress"
    FASTAPI_USERS = "fastapi-users"
    KRATOS = "kratos"


SOURCES: Mapping[SourceName, Source] = MappingProxyType(
    {
        SourceName.JSON_LINES: JSON_LINES,
        SourceName.CSV: CSV,
        SourceName.DJANGO: DJANGO,
        SourceName.SUPABASE: SUPABASE,
        SourceName.KEYCLOAK: KEYCLOAK,
        SourceName.AUTH0: AUTH0,
        SourceName.FIREBASE: FIREBASE,
        SourceName.WORDPRESS: WORDPRESS,
        SourceName.FASTAPI_USERS: FASTAPI_USERS,
        SourceName.KRATOS: KRATOS,
    }
)
