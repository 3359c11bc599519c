"""The errors of creating users."""

from jwtapi.errors import Conflict, Forbidden, InvalidInput


class UsernameTaken(Conflict):
    code = "username_taken"
    meaning = "another user has this user name; case, width and composition make no difference"
    message = "Username already taken"


class EmailTaken(Conflict):
    code = "email_taken"
    meaning = "another user has verified this e-mail address"
    message = "Another account uses this e-mail address"


class RegistrationClosed(Forbidden):
    code = "registration_closed"
    meaning = "nobody can register here (REGISTRATION)"
    message = "Registration is closed"


class LastAdministrator(Conflict):
    code = "last_administrator"
    meaning = "nobody else who can sign in has the role admin: give it to somebody first"
    message = "This is the last administrator. Give somebody else the role admin first."


class IsServiceAccount(Conflict):
    code = "service_account"
    meaning = "a service account has no password and no e-mail address, and never gets any way to sign in"
    message = "Nobody can sign in to a service account, so it has no password and no e-mail address"


class MetadataInvalid(InvalidInput):
    code = "metadata_invalid"
    meaning = "the metadata are not of the allowed form, or too large"
    field = "metadata"


class EmailDiffers(InvalidInput):
    code = "email_differs"
    meaning = "the invitation is for another e-mail address: leave `email` out"
    field = "email"
    message = "This invitation is for another e-mail address"


class LinkInvalid(InvalidInput):
    code = "link_invalid"
    meaning = "the link was used, or is void because the account has changed, or is not complete"
    message = "This link is no longer valid"


class LinkExpired(InvalidInput):
    code = "link_expired"
    meaning = "the link is too old: ask for another one"
    message = "This link has expired"
