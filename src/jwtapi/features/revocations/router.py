"""GET /revocations."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from jwtapi.clients.dependencies import require_client
from jwtapi.clients.scopes import Scope
from jwtapi.features.revocations import documentation
from jwtapi.features.revocations.dependencies import QUERY_DOCUMENTATION, QueryDep
from jwtapi.features.revocations.schemas import Revocations
from jwtapi.features.revocations.service import RevocationFeed
from jwtapi.storage.clients import Client
from jwtapi.web.dependencies import provided
from jwtapi.web.routes import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["services"])


@router.get(
    "/revocations",
    response_model=Revocations,
    summary="Learn what has ended before its tokens expire",
    responses=documentation.REVOCATIONS,
    openapi_extra=QUERY_DOCUMENTATION,
)
async def revocations(
    request: Request,
    query: QueryDep,
    feed: Annotated[RevocationFeed, provided(RevocationFeed)],
    _client: Annotated[Client, require_client(Scope.REVOCATIONS)],
) -> Response:
    """Return what a service that checks access tokens itself must refuse, although the tokens have not expired.

    The service asks again immediately, with the cursor of the answer, and lets the request wait for news. So it learns
    of a logout within a fraction of a second. `docs/revocation-feed.md` has the rules.
    """
    answering = asyncio.create_task(feed.read(query.after, query.wait))
    leaving = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return Response(answering.result(), media_type="application/json")
    finally:
        answering.cancel()
        leaving.cancel()


async def _disconnect(request: Request) -> None:
    """Wait until the client has gone."""
    try:
        while (await request.receive())["type"] != "http.disconnect":
            pass
    except HTTPException:
        # The body is too long or too slow. Nothing needs it, so it is ignored, as that of every GET request.
        await asyncio.Event().wait()
