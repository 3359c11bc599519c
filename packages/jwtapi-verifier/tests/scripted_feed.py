"""The feed of revocations and the tokens of services, as the issuer has them."""

import asyncio
import base64
import json
import time
from typing import Any
from urllib.parse import parse_qsl

from scripted_server import Answer, Request, ScriptedServer, answer, hang, json_answer, status

CLIENT_ID = "6d1c4f0e-orders"
CLIENT_SECRET = "jwtapi_c81d4e2efb6743a09d25e1b7f4086c3ad95b20e7f81"
BASIC = f"Basic {base64.b64encode(f'{CLIENT_ID}:{CLIENT_SECRET}'.encode()).decode()}"
FEED = "/revocations"
NAMES = {"sessions": "sid", "users": "sub", "clients": "client_id", "keys": "kid"}
_WAIT_SECONDS = 0.05  # instead of each second that a client may wait


class ScriptedFeed:
    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.log: list[tuple[str, dict[str, Any]]] = []
        self.service_tokens: list[str] = []
        self._life = 0
        self._news = asyncio.Condition()
        server.answers |= {"/token": self._token, FEED: self._feed}

    @property
    def cursor(self) -> str:
        return f"{self._life}-{len(self.log)}"

    async def state(self, kind: str, name: str, **entry: Any) -> None:
        """Add an entry: `await feed.state("sessions", sid)`."""
        async with self._news:
            self.log.append((kind, {NAMES[kind]: name, "until": int(time.time()) + 960} | entry))
            self._news.notify_all()

    async def is_known(self) -> None:
        """Wait until a client has applied everything, so that it asks for what comes after."""

        def has_asked() -> bool:
            return any(request.query.get("after") == self.cursor for request in self.server.requests)

        async with asyncio.timeout(20), self.server.changed:
            await self.server.changed.wait_for(has_asked)

    def forget_cursors(self) -> None:
        self._life += 1

    def be_silent(self, how: Answer = hang) -> None:
        """Answer nothing any more."""
        self.server.answers[FEED] = how
        self.server.cut()

    def be_heard(self) -> None:
        self.server.answers[FEED] = self._feed
        self.server.cut()

    async def _token(self, request: Request, writer: asyncio.StreamWriter) -> None:
        form = dict(parse_qsl(request.body.decode()))
        if request.headers.get("authorization") != BASIC:
            await status(401)(request, writer)
            return
        assert (request.method, form) == ("POST", {"grant_type": "client_credentials", "scope": "revocations"})
        self.service_tokens.append(f"service-token-{len(self.service_tokens)}")
        members = {"access_token": self.service_tokens[-1], "token_type": "bearer", "expires_in": 900}
        await json_answer(members)(request, writer)

    async def _feed(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.headers.get("authorization") != f"Bearer {self.service_tokens[-1]}":
            await status(401)(request, writer)
            return
        after = request.query.get("after", "")
        if after == self.cursor:
            await self._wait(int(request.query["wait"]), after)
        life, _, position = after.partition("-")
        is_reset = life != str(self._life)
        await answer(self.answer_since(0 if is_reset else int(position), is_reset=is_reset))(request, writer)

    async def _wait(self, seconds: int, after: str) -> None:
        try:
            async with asyncio.timeout(seconds * _WAIT_SECONDS), self._news:
                await self._news.wait_for(lambda: self.cursor != after)
        except TimeoutError:
            pass

    def answer_since(self, start: int, *, is_reset: bool) -> bytes:
        lists: dict[str, list[dict[str, Any]]] = {kind: [] for kind in NAMES}
        for kind, entry in self.log[start:]:
            lists[kind].append(entry)
        return json.dumps({"cursor": self.cursor, "reset": is_reset, **lists}).encode()
