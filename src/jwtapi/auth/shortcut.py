"""The shortest way to the access claims, for the requests that are most of all requests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.auth.dependencies import authenticate
from jwtapi.errors import JwtapiError
from jwtapi.security.access_tokens import AccessClaims
from jwtapi.web.problems import answer_refusal


@dataclass(frozen=True, slots=True)
class ClaimsEndpoint:
    """An endpoint that wants the access claims and nothing else."""

    path: str
    answer: Callable[[AccessClaims], Awaitable[BaseModel | Response]]


class Shortcut:
    """Calls such endpoints with what FastAPI would call them, without FastAPI.

    To find a route, what it depends on, and how to write its answer takes FastAPI several times as long as all that
    jwtapi does to check a token. The routes are there all the same: for the OpenAPI document, and for other methods.
    """

    def __init__(self, app: ASGIApp, *endpoints: ClaimsEndpoint) -> None:
        self._app = app
        self._endpoints = {endpoint.path: endpoint for endpoint in endpoints}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = endpoint  # for the metrics
        request = Request(scope, receive)
        try:
            answer = await endpoint.answer(await authenticate(request))
        except JwtapiError as error:
            answer = await answer_refusal(request, error)
        if isinstance(answer, BaseModel):
            answer = Response(answer.model_dump_json(by_alias=True), media_type="application/json")
        await answer(scope, receive, send)
