"""Makes the addresses of pages, for mails, the command line, and redirections."""

from urllib.parse import quote, urlencode, urlsplit

from jwtapi.mail.errors import NoPages, NoPublicUrl
from jwtapi.settings import Settings


class Links:
    """Every address is made from PUBLIC_URL or ACCOUNT_URL, never from what a request says about its host."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.account_url or f"{settings.base_url}/account"
        # In development, the browsers of people run on this machine.
        self._are_public = bool(settings.account_url or settings.public_url) or not settings.in_production
        self._has_pages = settings.account_url is not None or settings.account_page_enabled
        self.site = urlsplit(settings.base_url).netloc
        """The host, and the port if it is not the usual one: the name of this server for people."""

    def require(self) -> None:
        """Check that people can open the addresses.

        Raises:
            NoPages: neither this server nor the app has a page there.
            NoPublicUrl: this server does not know where people reach it.
        """
        if not self._has_pages:
            raise NoPages
        if not self._are_public:
            raise NoPublicUrl

    def page(self, name: str = "", /, **values: str) -> str:
        """Return the address of a page of the account.

        `values` are in the fragment, which browsers do not send: no log, no header Referer and no scanner of mails
        gets a token.
        """
        path = f"{self._base}/{name}" if name else self._base
        return f"{path}#{urlencode(values, quote_via=quote)}" if values else path
