"""The errors of e-mail addresses."""

from jwtapi.errors import Forbidden


class SignInRequired(Forbidden):
    code = "sign_in_required"
    meaning = "the account has an address, so only its signed-in user can confirm another one: sign in, then try again"
    message = "Sign in to the account of this link, then open the link again"
