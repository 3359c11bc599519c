"""GET /, /health/live, /health/ready, /metrics."""

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.errors import NotFound, StorageUnavailable, Unavailable
from jwtapi.metrics import Metrics
from jwtapi.storage.readiness import Readiness
from jwtapi.web.dependencies import provided
from jwtapi.web.documentation import error_responses, success
from jwtapi.web.errors import ErrorResponse
from jwtapi.web.middleware import RequestContext
from jwtapi.web.schemas import Message, Schema


class ShuttingDown(Unavailable):
    code = "shutting_down"
    meaning = "only from `/health/ready`: this server is about to stop, so send requests to another one"
    message = "This server is about to stop. Try again."

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class Health(Schema):
    """How the server is."""

    status: str


TAGS = {"health": "For whoever runs the server."}

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


@router.get(
    "/",
    summary="Say that the API is running",
    responses=error_responses(storage=False) | {200: success("It is.", example={"message": "API is running"})},
)
async def root() -> Message:
    """Ask for a first look. What watches the server asks `/health/live` and `/health/ready`."""
    return Message(message="API is running")


@router.get(
    "/health/live",
    summary="Say that the process answers",
    responses=error_responses(storage=False) | {200: success("It does.", example={"status": "live"})},
)
async def live() -> Health:
    """Ask nothing of the database. Restart the process if this fails."""
    return Health(status="live")


@router.get(
    "/health/ready",
    summary="Say whether a login would work",
    responses=error_responses(ShuttingDown()) | {200: success("It would.", example={"status": "ready"})},
)
async def ready(readiness: Annotated[Readiness, provided(Readiness)]) -> Health:
    """Look whether a login would find the database as it needs it. Send no requests here while this fails."""
    if readiness.is_withdrawn:
        raise ShuttingDown
    if not await readiness.check():
        raise StorageUnavailable
    return Health(status="ready")


@metrics_router.get(
    "/metrics",
    summary="Give the metrics",
    response_class=PlainTextResponse,
    responses=error_responses(storage=False) | {200: success("The metrics of this process and its siblings.")},
)
async def metrics(metrics: Annotated[Metrics, provided(Metrics)]) -> Response:
    """Give what Prometheus collects, in its text format."""
    return _exposition(metrics)


def metrics_app(metrics: Metrics) -> ASGIApp:
    """Tells them and nothing else, for METRICS_LISTEN."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_asked = (scope["method"], scope["path"]) == ("GET", "/metrics")
        response = _exposition(metrics) if is_asked else ErrorResponse(NotFound())
        await response(scope, receive, send)

    return RequestContext(answer, metrics=None, https=False)


def _exposition(metrics: Metrics) -> Response:
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
