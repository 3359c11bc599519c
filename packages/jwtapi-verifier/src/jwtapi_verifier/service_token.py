import base64
from http import HTTPStatus
from urllib.parse import quote_plus

from jwtapi_verifier import strict_json
from jwtapi_verifier.http_client import HttpClient, Unreachable
from jwtapi_verifier.options import Options

_MAX_LENGTH = 64 * 1024
_RENEW_AFTER = 0.8  # of its lifetime


class ServiceToken:
    """The access token that this service gets for itself with its client id and secret (RFC 6749 §4.4)."""

    def __init__(self, options: Options, http: HttpClient) -> None:
        self._url = options.url_of("/token")
        self._http = http
        self._clock = options.clock
        self._seconds = options.timing.fetch
        parts = f"{quote_plus(options.client_id or '')}:{quote_plus(options.client_secret or '')}"
        self._credentials = f"Basic {base64.b64encode(parts.encode()).decode()}"
        self._token = ""
        self._renew_at = -float("inf")

    async def get(self) -> str:
        """Return the token, or get a new one.

        Raises:
            Unreachable: the issuer gives none.
        """
        if self._clock.elapsed() >= self._renew_at:
            await self._renew()
        return self._token

    def forget(self) -> None:
        """The issuer has refused the token. `get` gets another one."""
        self._renew_at = -float("inf")

    async def _renew(self) -> None:
        answer = await self._http.send(
            "POST",
            self._url,
            seconds=self._seconds,
            max_length=_MAX_LENGTH,
            headers={"Authorization": self._credentials},
            form={"grant_type": "client_credentials", "scope": "revocations"},
        )
        if answer.status != HTTPStatus.OK:
            raise Unreachable(f"the request for a token of this service is answered with the status {answer.status}")
        try:
            members = strict_json.loads(answer.body)
            token, lifetime = members["access_token"], members["expires_in"]
            self._renew_at = self._clock.elapsed() + lifetime * _RENEW_AFTER
        except (ValueError, TypeError, KeyError, OverflowError):
            raise Unreachable("the answer to the request for a token of this service has none") from None
        self._token = token
