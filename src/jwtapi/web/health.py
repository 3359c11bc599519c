"""GET /, /health/live, /health/ready, /metrics."""

import structlog
from fastapi import APIRouter, Response

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import OutdatedSchema
from jwtapi.web.dependencies import ResourcesDep
from jwtapi.web.documentation import problems
from jwtapi.web.schemas import Message, Schema

log = structlog.get_logger()


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
    """The database answers and has this version's schema. Send no requests while this fails."""
    try:
        await resources.database.check()
    except OutdatedSchema:
        log.error("the database has not the schema of this version; run `jwtapi migrate`")  # noqa: TRY400
        raise StorageUnavailable from None
    return Health(status="ready")


@metrics_router.get("/metrics", responses=problems(storage=False))
async def metrics(resources: ResourcesDep) -> Response:
    """For Prometheus; on with METRICS_ENABLED."""
    return Response(resources.metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
