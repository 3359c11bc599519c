"""A service that follows the feed, and checks tokens as docs/revocation-feed.md says."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from jwtapi.caller import COMMAND_LINE
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from tests.support.api import Api

EMPTY: dict[str, list[Any]] = {"sessions": [], "users": [], "clients": [], "keys": []}


@dataclass
class Follower:
    client: httpx.AsyncClient
    clock: Callable[[], datetime]
    cursor: str | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in EMPTY})

    async def ask(self, wait: int = 0) -> dict[str, Any]:
        """Ask once, apply the answer, and return its lists, without those that are empty."""
        after = {"after": self.cursor} if self.cursor is not None else {}
        response = await self.client.get("/revocations", params={**after, "wait": wait})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        assert answer.keys() == {"cursor", "reset", *EMPTY}
        self.answers.append(answer)
        self.cursor = answer["cursor"]
        if answer["reset"]:
            self.known = {name: {} for name in EMPTY}
        names = {"sessions": "sid", "users": "sub", "clients": "client_id", "keys": "kid"}
        for name, id_ in names.items():
            self.known[name] |= {entry[id_]: entry for entry in answer[name]}
        return {name: answer[name] for name in EMPTY if answer[name]}

    def accepts(self, token: str) -> bool:
        """Return whether a token with a right signature is good, as far as this service knows."""
        claims = claims_of(token)
        now = self.clock().timestamp()
        live = {
            name: {id_: entry for id_, entry in entries.items() if entry["until"] > now}
            for name, entries in self.known.items()
        }
        user = live["users"].get(claims["sub"])
        return (
            now < claims["exp"]
            and claims.get("sid") not in live["sessions"]
            and not (claims["client_id"] == claims["sub"] in live["clients"])
            and (
                user is None
                or (
                    user["active"]
                    and user["username"] == claims["username"]
                    and sorted(user["roles"]) == sorted(claims["roles"])
                    and all(claims.get(name, value) == value for name, value in user.get("claims", {}).items())
                )
            )
        )


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def token_of(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def sid_of(client: httpx.AsyncClient) -> str:
    sid: str = claims_of(token_of(client))["sid"]
    return sid


async def service_client(api: Api, *scopes: Scope, name: str = "billing") -> httpx.AsyncClient:
    """Make a client that sends the id and the secret of a service, which may read the feed unless scopes are given."""
    created = await api.services[ClientService].create(name, scopes or [Scope.REVOCATIONS], COMMAND_LINE)
    client = api.client()
    client.auth = httpx.BasicAuth(str(created.client.id), created.secret)
    return client


async def follower(api: Api, name: str = "billing") -> Follower:
    """Make a service with the right to the feed."""
    return Follower(await service_client(api, name=name), api.clock)
