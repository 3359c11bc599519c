"""The errors of new API keys."""

from jwtapi.errors import Conflict, InvalidInput


class ApiKeyNameInvalid(InvalidInput):
    code = "api_key_name_invalid"
    meaning = "the name of an API key must be 1 to 64 printable characters"
    message = "The name must be 1 to 64 printable characters"
    field = "name"


class ApiKeyExpiryInvalid(InvalidInput):
    code = "api_key_expiry_invalid"
    meaning = "an API key must expire in the future, and within 10 years if at all"
    message = "The key must expire in the future, and within 10 years"
    field = "expiresAt"


class ApiKeyRolesInvalid(InvalidInput):
    code = "api_key_roles_invalid"
    meaning = "the user does not have every role that the API key should have"
    message = "The user does not have every one of these roles"
    field = "roles"


class TooManyApiKeys(Conflict):
    code = "too_many_api_keys"
    meaning = "the user has as many API keys as a user can have: revoke one first"
    message = "There are too many API keys"
