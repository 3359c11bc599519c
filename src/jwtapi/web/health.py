"""GET /, /health/live, /health/ready, /metrics."""

from fastapi import APIRouter, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.errors import ShuttingDown, StorageUnavailable
from jwtapi.metrics import Metrics
from jwtapi.web.dependencies import ResourcesDep
from jwtapi.web.documentation import problems
from jwtapi.web.middleware import RequestContext
from jwtapi.web.problems import not_found
from jwtapi.web.schemas import Message, Schema


class Health(Schema):
    status: str


router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


@router.get("/", responses=problems(storage=False))
async def root() -> Message:
    """Says that the API is running."""
    return Message(message="API is running")


@router.get("/health/live", responses=problems(storage=False))
async def live() -> Health:
    """The process answers. Restart it if this fails."""
    return Health(status="live")


@router.get("/health/ready", responses=problems())
async def ready(resources: ResourcesDep) -> Health:
    """A login would find the database as it needs it. Send no requests while this fails."""
    if resources.readiness.is_withdrawn:
        raise ShuttingDown
    if not await resources.readiness.check():
        raise StorageUnavailable
    return Health(status="ready")


@metrics_router.get("/metrics", responses=problems(storage=False))
async def metrics(resources: ResourcesDep) -> Response:
    """For Prometheus; on with METRICS_ENABLED."""
    return _exposition(resources.metrics)


def metrics_app(metrics: Metrics) -> ASGIApp:
    """Tells them and nothing else, for METRICS_LISTEN."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response = _exposition(metrics) if (scope["method"], scope["path"]) == ("GET", "/metrics") else not_found()
        await response(scope, receive, send)

    return RequestContext(answer, metrics=None, https=False)


def _exposition(metrics: Metrics) -> Response:
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
