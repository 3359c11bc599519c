"""The errors of clients (RFC 6749 §5.2, RFC 6750 §3.1), and those of their administration."""

from collections.abc import Mapping
from typing import Any

from jwtapi.errors import Conflict, Forbidden, InvalidInput, JwtapiError, NotFound, Unauthenticated


class OAuthError(JwtapiError):
    """RFC 6749 §5.2. `code` is the `error` of the RFC, and `message` is its `error_description`."""

    @property
    def members(self) -> Mapping[str, Any]:
        return {"error": self.code, "error_description": self.message}


class InvalidRequest(OAuthError, InvalidInput):
    code = "invalid_request"
    meaning = "OAuth2 (RFC 6749 §5.2): a parameter is missing, repeated or malformed"


class InvalidClient(OAuthError, Unauthenticated):
    code = "invalid_client"
    meaning = "OAuth2: the id and the secret of a client are missing or wrong"
    message = "Client authentication failed"
    takes_client_secret = True


class InsufficientScope(OAuthError, Forbidden):
    code = "insufficient_scope"
    meaning = "OAuth2: the client or its token lacks the scope that `WWW-Authenticate` names"

    def __init__(self, scope: str) -> None:
        self.missing_scope = scope
        super().__init__(f"The scope {scope} is missing")


class ClientNameInvalid(InvalidInput):
    message = (
        "The name must have 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit."
    )


class ClientNameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is a client {name} already.")


class UnknownClient(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is no client {name}.")
