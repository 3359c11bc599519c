"""GET /, /health/live, /health/ready, /metrics."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.errors import NotFound, StorageUnavailable, Unavailable
from jwtapi.mail.delivery import Delivery
from jwtapi.metrics import Metrics
from jwtapi.storage.readiness import Readiness
from jwtapi.web.dependencies import provided
from jwtapi.web.documentation import error_responses, success
from jwtapi.web.errors import ErrorResponse
from jwtapi.web.middleware import RequestContext
from jwtapi.web.schemas import Message, Schema


class ShuttingDown(Unavailable):
    code = "shutting_down"
    meaning = "only from `/health/ready`: this server will stop soon, so send requests to another one"
    message = "This server will stop soon. Try again."

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class Health(Schema):
    """The state of the server."""

    status: str


class Ready(Health):
    """The state of a server that a login can use."""

    warnings: list[Literal["mail"]] = Field(
        examples=[[]], description="What fails although sign-in works. `mail`: the mail server takes no mails now."
    )


TAGS = {"health": "For whoever runs the server."}

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


@router.get(
    "/",
    summary="Check that the API is running",
    responses=error_responses(storage=False) | {200: success("It is running.", example={"message": "API is running"})},
)
async def root() -> Message:
    """Use it for a first test. A program that monitors the server uses `/health/live` and `/health/ready`."""
    return Message(message="API is running")


@router.get(
    "/health/live",
    summary="Check that the process responds",
    responses=error_responses(storage=False) | {200: success("It responds.", example={"status": "live"})},
)
async def live() -> Health:
    """Check the process without the database. Restart the process if this fails."""
    return Health(status="live")


@router.get(
    "/health/ready",
    summary="Check whether a login would work",
    responses=error_responses(ShuttingDown())
    | {200: success("A login would work.", example={"status": "ready", "warnings": []})},
)
async def ready(
    readiness: Annotated[Readiness, provided(Readiness)], delivery: Annotated[Delivery, provided(Delivery)]
) -> Ready:
    """Check that the database is in the state that a login needs. Send no requests to this server while this fails.

    A mail server that does not work is only a warning, because people can still sign in.
    """
    if readiness.is_withdrawn:
        raise ShuttingDown
    if not await readiness.check():
        raise StorageUnavailable
    return Ready(status="ready", warnings=["mail"] if delivery.is_failing else [])


@metrics_router.get(
    "/metrics",
    summary="Get the metrics",
    response_class=PlainTextResponse,
    responses=error_responses(storage=False) | {200: success("The metrics of all workers of this server.")},
)
async def metrics(metrics: Annotated[Metrics, provided(Metrics)]) -> Response:
    """Return the metrics in the text format of Prometheus."""
    return _exposition(metrics)


def metrics_app(metrics: Metrics) -> ASGIApp:
    """Return an app that serves only `/metrics`, for METRICS_LISTEN."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_metrics = (scope["method"], scope["path"]) == ("GET", "/metrics")
        response = _exposition(metrics) if is_metrics else ErrorResponse(NotFound())
        await response(scope, receive, send)

    return RequestContext(answer, metrics=None, https=False)


def _exposition(metrics: Metrics) -> Response:
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
