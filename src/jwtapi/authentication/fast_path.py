"""Responds to the most frequent requests without FastAPI.

This file leans on the form of FastAPI's responses, which it reproduces, and on `scope["route"]`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.dependencies import bearer_token
from jwtapi.errors import JwtapiError
from jwtapi.principal import Principal
from jwtapi.web.errors import handle_error


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalEndpoint:
    """An endpoint whose response depends on the principal and on nothing else.

    It is kept for the session or the API key, so it must not depend on `amr` and `auth_time`: the session's tokens can
    differ in them.
    """

    path: str
    answer: Callable[[Principal], BaseModel | Response]


class FastPath:
    """Sends the response that FastAPI would send for a PrincipalEndpoint, in a fraction of the time.

    FastAPI takes several times as long to find a route, its dependencies and the form of its answer as jwtapi takes to
    check a token. The routes exist all the same: for the OpenAPI document, for other methods, and for an app that has
    `dependency_overrides` or a middleware of the program that embeds it.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, *endpoints: PrincipalEndpoint) -> None:
        self._app = app
        self._authenticator = authenticator
        self._endpoints = {endpoint.path: endpoint for endpoint in endpoints}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if endpoint is None or scope["app"].dependency_overrides or scope["app"].user_middleware:
            await self._app(scope, receive, send)
            return
        scope["route"] = endpoint  # the metrics read its path
        try:
            verified = await self._authenticator.verify(bearer_token(scope["headers"]))
        except JwtapiError as error:
            answer: Response = await handle_error(Request(scope), error)
        else:
            remembered = verified.answers.get(endpoint)
            if remembered is None:
                assert verified.principal is not None  # noqa: S101  the authenticator raises otherwise
                remembered = _answer(endpoint, verified.principal)
                self._authenticator.remember_answer(verified, endpoint, remembered)
            answer = remembered
        await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        await send({"type": "http.response.body", "body": answer.body})


def _answer(endpoint: PrincipalEndpoint, principal: Principal) -> Response:
    answer = endpoint.answer(principal)
    if isinstance(answer, BaseModel):
        return Response(answer.model_dump_json(by_alias=True), media_type="application/json")
    return answer
