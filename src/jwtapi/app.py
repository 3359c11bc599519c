"""Builds the app: the routes of the features, and what surrounds them."""

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Lifespan

from jwtapi import __version__
from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.fast_path import FastPath
from jwtapi.composition import features
from jwtapi.metrics import Metrics
from jwtapi.services import Services
from jwtapi.sessions.cache import SessionCache
from jwtapi.settings import Settings
from jwtapi.storage.readiness import Readiness
from jwtapi.web import health
from jwtapi.web.cors import Cors
from jwtapi.web.docs import install_docs
from jwtapi.web.documentation import document
from jwtapi.web.errors import install_error_handlers
from jwtapi.web.middleware import RequestContext
from jwtapi.web.proxies import TrustedProxies, UnixPeers
from jwtapi.web.request_body import SECONDS as BODY_SECONDS
from jwtapi.web.request_body import BodyBounds
from jwtapi.web.root_path import BelowRootPath
from jwtapi.web.withheld import WithoutQueryAndCookies

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

DESCRIPTION = """\
Register, sign in, call the protected routes. **Authorize** asks for user name and password and puts the access token
into every request that is tried here. Every error is `{"message", "code"}`; programs go by the code.
"""


class JwtapiApp(FastAPI):
    """FastAPI with the layers of jwtapi around it, and without its outermost layer, which answers faults.

    RequestContext answers them, in our form. This leans on `build_middleware_stack` and `ServerErrorMiddleware.app`,
    which are not documented.
    """

    surround: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        outermost = super().build_middleware_stack()
        assert isinstance(outermost, ServerErrorMiddleware)  # noqa: S101  or FastAPI has changed
        return self.surround(outermost.app)


def create_app(
    services: Services,
    lifespan: Lifespan[Starlette] | None = None,
    *,
    tracer: "Tracer | None" = None,
    body_seconds: float = BODY_SECONDS,
) -> FastAPI:
    """Build the app. The caller migrates the database, runs the background tasks and closes the services.

    `app.dependency_overrides[provider(NoteService)]` replaces a service, also for the endpoints that are answered
    without FastAPI. With a `tracer` each request has a span.
    """
    app = _routed(services.settings, lifespan)
    app.state.services = services
    own_paths = {context.path for context in iter_route_contexts(app.routes) if context.path is not None}
    app.surround = partial(
        _surrounded, services=services, own_paths=own_paths, tracer=tracer, body_seconds=body_seconds
    )
    return app


def openapi_document(settings: Settings) -> dict[str, Any]:
    """Build what `/openapi.json` answers with these settings, whether or not it is served."""
    return _routed(settings).openapi()


def _routed(settings: Settings, lifespan: Lifespan[Starlette] | None = None) -> JwtapiApp:
    """Make the app with all its routes, as the document needs it; it cannot answer requests yet."""
    app = JwtapiApp(
        title="jwtapi",
        version=__version__,
        summary="JWT authentication",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        openapi_tags=_tags(),
        servers=[{"url": settings.root_path or "/", "description": "The server that this document comes from"}],
        contact={"name": "Whoever runs this server"},
        license_info={"name": "MIT", "identifier": "MIT"},
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # Ours surrounds what FastAPI does not see, and says less; its own would tell of exceptions in their words.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=lifespan,
    )
    install_error_handlers(app)
    for feature in features().values():
        for router in feature.routers:
            app.include_router(router)
    app.include_router(health.router)
    if settings.has_metrics_endpoint:
        app.include_router(health.metrics_router)
    document(app, partial(_complete, settings=settings))
    if settings.docs_enabled:
        install_docs(app)
    return app


def _tags() -> list[dict[str, str]]:
    tags = {name: text for feature in features().values() for name, text in feature.tags.items()} | health.TAGS
    return [{"name": name, "description": description} for name, description in tags.items()]


def _complete(document: dict[str, Any], settings: Settings) -> None:
    for feature in features().values():
        if feature.complete_document is not None:
            feature.complete_document(document, settings)


def _surrounded(
    app: ASGIApp, *, services: Services, own_paths: Collection[str], tracer: "Tracer | None", body_seconds: float
) -> ASGIApp:
    """Put around the app what concerns every request; the first layer is the innermost."""
    settings = services.settings
    endpoints = [endpoint for feature in features().values() for endpoint in feature.fast_endpoints]
    app = WithoutQueryAndCookies(BodyBounds(app, seconds=body_seconds))
    app = FastPath(app, services[Authenticator], services[SessionCache], *endpoints)
    cors = partial(Cors, origins=settings.cors_origins, headers=settings.cors_headers)
    app = context = RequestContext(
        app,
        metrics=services[Metrics] if settings.counts_requests else None,
        https=settings.cookie_secure,
        cors=cors if settings.cors_origins else None,
    )
    services[Readiness].when_withdrawn(context.close_connections)
    if tracer is not None:
        from jwtapi.web.request_spans import RequestSpans  # noqa: PLC0415  an extra

        app = RequestSpans(app, tracer)
    if settings.trusted_proxies:
        app = TrustedProxies(app, settings.trusted_proxies)  # type: ignore[assignment]
    if settings.uds is not None:
        app = UnixPeers(app)
    return app if settings.root_path is None else BelowRootPath(app, settings.root_path, own_paths)


def _operation_id(route: APIRoute) -> str:
    """The endpoint's name in camelCase: what generated clients will call it."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)
