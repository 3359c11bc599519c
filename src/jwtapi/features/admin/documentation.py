"""The documentation of the administration of users for the OpenAPI document."""

from typing import Any

from jwtapi.administration.documentation import NOBODY, changes, gives, reads
from jwtapi.api_keys.errors import ApiKeyExpiryInvalid, ApiKeyNameInvalid, ApiKeyRolesInvalid, TooManyApiKeys
from jwtapi.features.admin.errors import NoServiceAccount, RolesRefused, UserDisabled
from jwtapi.mail.errors import MailUnavailable, NoPages
from jwtapi.security.email_addresses import EmailInvalid
from jwtapi.security.password_policy import PasswordTooCommon, PasswordTooLong, PasswordTooShort
from jwtapi.security.passwords import Overloaded
from jwtapi.security.usernames import UsernameInvalid
from jwtapi.settings import Settings
from jwtapi.sign_in.documentation import example_password
from jwtapi.users.errors import (
    EmailTaken,
    IsServiceAccount,
    LastAdministrator,
    MetadataInvalid,
    RegistrationClosed,
    UsernameTaken,
)
from jwtapi.web.documentation import json_body, success
from jwtapi.web.errors import ErrorResponse
from jwtapi.web.pages import wrong_limit
from jwtapi.web.schemas import FieldError

_USERS = "/api/admin/users"


def _missing(field: str) -> FieldError:
    return FieldError(field=field, message="Field required")


SEARCH = reads(wrong_limit()) | {200: success("A page of users.")}
READ = reads(NOBODY) | {200: success("The user.")}
CREATE = gives(
    UsernameInvalid(),
    PasswordTooShort(8),
    PasswordTooLong(),
    PasswordTooCommon(),
    EmailInvalid(),
    RolesRefused(),
    MetadataInvalid("Metadata must not exceed 4096 bytes as JSON"),
    UsernameTaken(),
    EmailTaken(),
    IsServiceAccount(),
    MailUnavailable(),
    NoPages(),
    Overloaded(),
    *json_body(_missing("username")),
) | {201: success("The user was created.")}
INVITE = gives(
    EmailInvalid(), RolesRefused(), RegistrationClosed(), EmailTaken(), NoPages(), *json_body(_missing("email"))
) | {201: success("The person was invited.")}
CHANGE = gives(
    NOBODY,
    RolesRefused(),
    MetadataInvalid("Metadata must not exceed 4096 bytes as JSON"),
    LastAdministrator(),
    *json_body(FieldError(field="disabled", message="Input should be a valid boolean")),
) | {200: success("The user, changed.")}
DELETE = changes(NOBODY, LastAdministrator()) | {204: success("The user was deleted.")}
FORCE_PASSWORD_RESET = gives(NOBODY, IsServiceAccount(), LastAdministrator()) | {
    204: success("The password was removed.")
}
RESET_LINK = gives(NOBODY, IsServiceAccount(), UserDisabled(), NoPages()) | {200: success("The link.")}
RESET_MFA = gives(NOBODY) | {204: success("The second factors were removed.")}
SESSIONS = reads(NOBODY) | {200: success("The sessions.")}
END_SESSIONS = changes(NOBODY) | {204: success("They have ended.")}
END_SESSION = changes(NOBODY) | {204: success("The session has ended.")}
KEYS = reads(NOBODY) | {200: success("The keys.")}
CREATE_KEY = gives(
    NOBODY,
    ApiKeyNameInvalid(),
    ApiKeyExpiryInvalid(),
    ApiKeyRolesInvalid(),
    NoServiceAccount(),
    TooManyApiKeys(),
    *json_body(_missing("name")),
) | {201: success("The key. It is shown only now.")}
REVOKE_KEY = changes(NOBODY) | {204: success("The key was revoked.")}


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Show the length of a password that the settings require."""
    minimum = settings.password_min_length
    password = document["components"]["schemas"]["NewUser"]["properties"]["password"]
    password["examples"] = [example_password(minimum)]
    refused = document["paths"][_USERS]["post"]["responses"]["400"]["content"]["application/json"]["examples"]
    refused["password_too_short"]["value"] = ErrorResponse(PasswordTooShort(minimum)).content
