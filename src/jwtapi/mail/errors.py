"""The errors of mail."""

from jwtapi.errors import NotSupported


class MailUnavailable(NotSupported):
    code = "mail_unavailable"
    meaning = "this server sends no mail (MAIL_URL), and the request needs one"
    message = "This server cannot send mail"


class NoPages(NotSupported):
    message = "A link needs a page: set ACCOUNT_URL, or ACCOUNT_PAGE_ENABLED=true."


class NoPublicUrl(NotSupported):
    message = "PUBLIC_URL: missing; a link begins with it, such as https://auth.example.com"
