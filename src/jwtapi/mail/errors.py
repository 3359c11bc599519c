"""The errors of mail."""

from jwtapi.errors import NotSupported


class MailUnavailable(NotSupported):
    code = "mail_unavailable"
    meaning = "this server sends no mail (MAIL_URL), and the request needs one"
    message = "This server cannot send mail"


class LinksUnavailable(NotSupported):
    code = "links_unavailable"
    meaning = "no link of this server could be opened (ACCOUNT_URL, ACCOUNT_PAGE_ENABLED, PUBLIC_URL)"


class NoPages(LinksUnavailable):
    message = "A link needs a page: set ACCOUNT_URL, or ACCOUNT_PAGE_ENABLED=true."


class NoPublicUrl(LinksUnavailable):
    message = "PUBLIC_URL: missing; a link begins with it, such as https://auth.example.com"
