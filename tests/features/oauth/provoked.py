"""How to provoke the errors of the token endpoint."""

from tests.support.provoking import RIGHT, by

FORM = {"grant_type": "password", **RIGHT}

PROVOKED = {
    "invalid_request": by(data=FORM | {"username": ""}),
    "invalid_grant": by(data=FORM | {"password": "wrong"}),
    "unsupported_grant_type": by(data={"grant_type": "client_credentials"}),
    "invalid_scope": by(data=FORM | {"scope": "all"}),
}
