import asyncio
import ssl
from http import HTTPStatus
from types import TracebackType
from typing import Self

from jwtapi_verifier.access_tokens import AccessTokens
from jwtapi_verifier.claims import Claims
from jwtapi_verifier.clock import Clock
from jwtapi_verifier.errors import InvalidToken, Unavailable
from jwtapi_verifier.feed import RevocationFeed
from jwtapi_verifier.http_client import HttpClient, Unreachable
from jwtapi_verifier.key_source import KeySource
from jwtapi_verifier.options import OnSilence, Options
from jwtapi_verifier.timing import Timing

_MAX_ASKING = 32
_MAX_ANSWER = 64 * 1024


class Verifier:
    """Checks access tokens of a jwtapi in an asyncio program.

    `async with Verifier(…) as verifier`, or `await verifier.start()` and `await verifier.close()`. Without these, the
    first `verify` starts the background work: it fetches the keys, and follows the feed of revocations.
    """

    def __init__(  # noqa: PLR0913 - the options of users
        self,
        issuer: str,
        audience: str,
        *,
        jwks_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        on_silence: OnSilence = "refuse",
        leeway: float = 0,
        cooldown: float = 30,
        max_stale: float = 86_400,
        allow_http: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        timing: Timing | None = None,
    ) -> None:
        """State whose tokens are accepted.

        Args:
            issuer: the PUBLIC_URL of the jwtapi, which its tokens have as `iss`; https, except for loopback addresses.
            audience: what the tokens must have in `aud`: the TOKEN_AUDIENCE of the jwtapi, or else the issuer.
            jwks_url: where the key set is, if not at `{issuer}/.well-known/jwks.json`.
            client_id: the client with the scope `revocations`. With it, ended sessions are refused before they expire.
            client_secret: its secret.
            on_silence: what happens while the feed of revocations does not answer. "refuse" raises Unavailable, "ask"
                asks the issuer about each token, and "accept" checks tokens as if there were no feed.
            leeway: seconds, up to 30, for which a token is accepted after it has expired.
            cooldown: seconds between two fetches of the key set that tokens with unknown keys may cause.
            max_stale: seconds for which the keys are used after the last fetch of the key set that succeeded.
            allow_http: whether addresses may have http, which lets everybody on the way replace the keys.
            ssl_context: how to check the certificate of the issuer, if not by the authorities of certifi.
            clock: for tests.
            timing: for tests.

        Raises:
            ValueError: an option makes no sense.
        """
        self._options = Options(
            issuer=issuer,
            audience=audience,
            jwks_url=jwks_url,
            client_id=client_id,
            client_secret=client_secret,
            on_silence=on_silence,
            leeway=leeway,
            cooldown=cooldown,
            max_stale=max_stale,
            allow_http=allow_http,
            ssl_context=ssl_context,
            clock=clock or Clock(),
            timing=timing or Timing(),
        )
        self._tokens = AccessTokens(issuer, audience, leeway)
        self._background: _Background | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        return f"Verifier({self._options.issuer!r}, {self._options.audience!r})"

    async def start(self) -> None:
        """Start the background work, and wait for the first key set, but not longer than 5 seconds.

        It does not fail if the issuer cannot be reached: the background goes on trying.
        """
        self._is_closed = False
        await self._started().keys.fetch()

    async def close(self) -> None:
        """End the background work, and close the connections."""
        self._is_closed = True
        background, self._background = self._background, None
        # If its event loop has ended, so has everything that ran in it.
        if background is not None and background.loop is asyncio.get_running_loop():
            await background.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def feed_is_live(self) -> bool:
        """Whether all that was revoked until 5 seconds ago is known, usually until some milliseconds ago."""
        background = self._background
        return background is not None and background.feed is not None and background.feed.is_live

    async def verify(self, token: str) -> Claims:
        """Check an access token. This needs no request, except for the first token, and for unknown keys.

        Raises:
            ExpiredToken: the token was valid, and has expired.
            InvalidToken: the token is not valid.
            Unavailable: this cannot be found out now.
        """
        background = self._started()
        claims = self.verify_without_io(token)
        return await self._verify(token, background) if claims is None else claims

    def verify_without_io(self, token: str) -> Claims | None:
        """Do the same, or return None if it needs a request. Any thread may call this.

        Raises:
            InvalidToken: as `verify`.
        """
        background = self._background
        if background is None:
            return None
        unverified = self._tokens.parse(token)
        kid = unverified.header.kid
        feed = background.feed
        if feed is not None and feed.revocations.has_key(kid):
            raise InvalidToken("key_revoked")  # the key set has it no more, so do not look for it
        key = background.keys.get(kid)
        if key is None:
            return None
        # Before the entries are looked at: once the feed says that it is live, everything revoked is among them.
        is_live = feed is None or feed.is_live
        claims = self._tokens.verify(unverified, key, self._options.clock.now())
        if feed is not None:
            _refuse_revoked(feed, claims, kid)
        if is_live or (feed is not None and self._options.on_silence == "accept" and not feed.may_answer_soon):
            return claims
        return None

    async def _verify(self, token: str, background: "_Background") -> Claims:
        unverified = self._tokens.parse(token)
        kid = unverified.header.kid
        key = background.keys.get(kid) or await background.keys.find(kid)
        claims = self._tokens.verify(unverified, key, self._options.clock.now())
        feed = background.feed
        if feed is None:
            return claims
        if feed.may_answer_soon:
            await feed.first_answer()
        is_live = feed.is_live
        _refuse_revoked(feed, claims, kid)
        if not is_live:
            await self._without_feed(token, claims, background)
        return claims

    async def _without_feed(self, token: str, claims: Claims, background: "_Background") -> None:
        match self._options.on_silence:
            case "accept":
                return
            case "ask" if claims.session_id is not None:  # the issuer answers only about tokens of users
                await background.ask(token)
            case _:
                raise Unavailable("the feed of revocations is silent")

    def _started(self) -> "_Background":
        """Return the background work of the running event loop, and start it if necessary."""
        background = self._background
        loop = asyncio.get_running_loop()
        if background is not None and background.loop is loop and background.is_running:
            return background
        if self._is_closed:
            raise RuntimeError("the verifier is closed")
        if background is not None and background.loop is not loop and not background.loop.is_closed():
            raise RuntimeError("the verifier is in use in another event loop: make one for each, or use SyncVerifier")
        self._background = background = _Background(self._options)
        return background


def _refuse_revoked(feed: RevocationFeed, claims: Claims, kid: str) -> None:
    reason = feed.revocations.refusal(claims, kid)
    if reason is not None:
        raise InvalidToken(reason)


class _Background:
    """What runs in one event loop, and what it has learned."""

    def __init__(self, options: Options) -> None:
        self.loop = asyncio.get_running_loop()
        self._http = HttpClient(options.ssl_context, uses_tls=options.uses_tls)
        self.keys = KeySource(options, self._http)
        self.feed = RevocationFeed(options, self._http, self.keys) if options.client_id else None
        self._verify_url = options.url_of("/auth/verify")
        self._ask_seconds = options.timing.ask
        self._asking = asyncio.Semaphore(_MAX_ASKING)
        self._task = asyncio.create_task(self._run(), name="jwtapi-verifier")

    @property
    def is_running(self) -> bool:
        return not self._task.done()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.keys.follow())
                if self.feed is not None:
                    tasks.create_task(self.feed.follow())
        finally:
            await self.keys.close()
            await self._http.close()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def ask(self, token: str) -> None:
        """Ask the issuer about the token of a user.

        Raises:
            InvalidToken: the issuer refuses it.
            Unavailable: the issuer has not answered in time.
        """
        try:
            async with asyncio.timeout(self._ask_seconds), self._asking:
                answer = await self._http.send(
                    "GET",
                    self._verify_url,
                    seconds=self._ask_seconds,
                    max_length=_MAX_ANSWER,
                    headers={"Authorization": f"Bearer {token}"},
                )
        except (TimeoutError, Unreachable):
            raise Unavailable("the issuer could not be asked") from None
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise InvalidToken("refused_by_issuer")
        if answer.status // 100 != 2:  # noqa: PLR2004 - a class of statuses
            raise Unavailable(f"the issuer answers the question with the status {answer.status}")
