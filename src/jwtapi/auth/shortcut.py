"""The shortest way to the access claims, for the requests that are most of all requests."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.access_claims import AccessClaims
from jwtapi.auth.dependencies import bearer_token
from jwtapi.errors import JwtapiError
from jwtapi.sessions.service import SessionService
from jwtapi.web.problems import answer_refusal

MAX_ANSWERS = 1000
"""Answers that are remembered, of all endpoints together, about 1 KB each."""


@dataclass(frozen=True, slots=True, eq=False)
class ClaimsEndpoint:
    """An endpoint whose answer depends on the access claims and on nothing else."""

    path: str
    answer: Callable[[AccessClaims], BaseModel | Response]


class Shortcut:
    """Answers for such endpoints what FastAPI would answer, without FastAPI.

    To find a route, what it depends on, and how to write its answer takes FastAPI several times as long as all that
    jwtapi does to check a token. The routes are there all the same: for the OpenAPI document, and for other methods.
    """

    def __init__(self, app: ASGIApp, sessions: SessionService, *endpoints: ClaimsEndpoint) -> None:
        self._app = app
        self._sessions = sessions
        self._endpoints = {endpoint.path: endpoint for endpoint in endpoints}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = endpoint  # for the metrics
        try:
            claims = await self._sessions.authenticate(bearer_token(scope["headers"]))
        except JwtapiError as error:
            answer: Response = await answer_refusal(Request(scope), error)
        else:
            answer = _answer(endpoint, claims)
        await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        await send({"type": "http.response.body", "body": answer.body})


@lru_cache(MAX_ANSWERS)
def _answer(endpoint: ClaimsEndpoint, claims: AccessClaims) -> Response:
    answer = endpoint.answer(claims)
    if isinstance(answer, BaseModel):
        return Response(answer.model_dump_json(by_alias=True), media_type="application/json")
    return answer
