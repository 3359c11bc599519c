"""Requests with bounds: on the time, on the length of the answer, and on where it may come from."""

import asyncio
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple

import httpx

_MAX_CONNECTIONS = 40


class Unreachable(Exception):
    """There is no usable answer. The message contains nothing of the request and nothing of the answer."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    def __init__(self, ssl_context: ssl.SSLContext | None, *, uses_tls: bool) -> None:
        if ssl_context is None and not uses_tls:
            ssl_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it trusts nobody, and reads no files
        self._client = httpx.AsyncClient(
            verify=ssl_context or True,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "jwtapi-verifier"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS),
        )

    async def send(  # noqa: PLR0913 - the parts of a request, and its bounds
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        max_length: int,
        idle_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, and read the whole answer, which may be a redirect or an error.

        Raises:
            Unreachable: no complete answer came in time, or it is too long.
        """
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(
                    method, url, headers=headers, params=params, data=form, timeout=idle_seconds or seconds
                ) as response,
            ):
                return Answer(response.status_code, response.headers, await _body(response, max_length))
        except Unreachable:
            raise
        except TimeoutError:
            raise Unreachable(f"no complete answer within {seconds:g} s") from None
        except Exception as error:  # noqa: BLE001 - httpx, httpcore, h11, ssl and the system have errors of their own
            # Without the cause, because the exceptions of httpx carry the request, with its credentials.
            raise Unreachable(f"the request failed: {type(error).__name__}") from None

    async def close(self) -> None:
        await self._client.aclose()


async def _body(response: httpx.Response, max_length: int) -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():  # never decompressed: a short answer could become a very long one
        body += part
        if len(body) > max_length:
            raise Unreachable(f"the answer is longer than {max_length} bytes")
    return bytes(body)
