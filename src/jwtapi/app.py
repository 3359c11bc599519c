"""Builds the app: the routes of the features, and the middleware around them."""

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from jwtapi import __version__
from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.fast_path import FastPath
from jwtapi.composition import features
from jwtapi.metrics import Metrics
from jwtapi.services import Services
from jwtapi.settings import Settings
from jwtapi.storage.readiness import Readiness
from jwtapi.web import health
from jwtapi.web.cors import Cors, PublicPaths
from jwtapi.web.direct_routes import DirectRoutes
from jwtapi.web.docs import install_docs
from jwtapi.web.documentation import document
from jwtapi.web.errors import install_error_handlers
from jwtapi.web.middleware import RequestContext
from jwtapi.web.proxies import TrustedProxies, UnixPeers
from jwtapi.web.request_body import SECONDS as BODY_SECONDS
from jwtapi.web.request_body import RequestBodyLimits
from jwtapi.web.root_path import StripRootPath
from jwtapi.web.routes import StrictRoute
from jwtapi.web.strip_query_and_cookies import StripQueryAndCookies

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

DESCRIPTION = """\
Register, sign in, and call the protected routes. **Authorize** asks for the user name and the password, and adds the
access token to every request that you try here. Every error is `{"message", "code"}`. Programs should read the code.
"""


class JwtapiApp(FastAPI):
    """FastAPI with the middleware of jwtapi, and without its own outermost layer, which responds to unhandled errors.

    RequestContext responds to them in the form that all our errors have. This leans on `build_middleware_stack` and
    `ServerErrorMiddleware.app`, which are not documented.
    """

    wrap: Callable[[ASGIApp], ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what Starlette does, without FastAPI's telemetry, which is switched off and takes a tenth of a check."""
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        outermost = super().build_middleware_stack()
        assert isinstance(outermost, ServerErrorMiddleware)  # noqa: S101  fails if FastAPI changes
        return self.wrap(outermost.app)


def create_app(
    services: Services,
    lifespan: Lifespan[Starlette] | None = None,
    *,
    tracer: "Tracer | None" = None,
    body_seconds: float = BODY_SECONDS,
) -> FastAPI:
    """Build the app. The caller migrates the database, runs the background tasks and closes the services.

    `app.dependency_overrides[provider(NoteService)]` replaces a service, also for the endpoints that are answered
    without FastAPI. With a `tracer`, each request has a span, except those that programs repeat all the time.
    """
    app = _routed(services.settings, lifespan)
    app.state.services = services
    own_paths = {context.path for context in iter_route_contexts(app.routes) if context.path is not None}
    app.wrap = partial(
        _with_middleware, services=services, own_paths=own_paths, tracer=tracer, body_seconds=body_seconds
    )
    return app


def openapi_document(settings: Settings) -> dict[str, Any]:
    """Build the document that `/openapi.json` returns with these settings, also if the server does not serve it."""
    return _routed(settings).openapi()


def _routed(settings: Settings, lifespan: Lifespan[Starlette] | None = None) -> JwtapiApp:
    """Build the app with all its routes, but without middleware and services. The OpenAPI document needs no more."""
    app = JwtapiApp(
        title="jwtapi",
        version=__version__,
        summary="JWT authentication",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        openapi_tags=_tags(),
        servers=_servers(settings),
        contact={"name": "The operator of this server"},
        license_info={"name": "MIT", "identifier": "MIT"},
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # Our own telemetry also covers the middleware. FastAPI's would contain the messages of exceptions, which may
        # repeat what the client sent.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=lifespan,
    )
    install_error_handlers(app)
    for feature in features().values():
        for router in feature.routers if feature.is_on(settings) else ():
            app.include_router(router)
    app.include_router(health.router)
    if settings.has_metrics_endpoint:
        app.include_router(health.metrics_router)
    document(app, partial(_complete, settings=settings))
    if settings.docs_enabled:
        install_docs(app)
    return app


def _servers(settings: Settings) -> list[dict[str, str]]:
    """Return PUBLIC_URL first, because tools take the first. `/docs` may be open at another address."""
    servers = [{"url": settings.root_path or "/", "description": "The server that this document comes from"}]
    if settings.public_url is not None:
        servers.insert(0, {"url": settings.public_url, "description": "The server at its public address"})
    return servers


def _tags() -> list[dict[str, str]]:
    tags = {name: text for feature in features().values() for name, text in feature.tags.items()} | health.TAGS
    return [{"name": name, "description": description} for name, description in tags.items()]


def _complete(document: dict[str, Any], settings: Settings) -> None:
    for feature in features().values():
        if feature.complete_document is not None:
            feature.complete_document(document, settings)


def _with_middleware(
    app: ASGIApp, *, services: Services, own_paths: Collection[str], tracer: "Tracer | None", body_seconds: float
) -> ASGIApp:
    """Add the middleware. The layer that is added first is the innermost."""
    settings = services.settings
    endpoints = [endpoint for feature in features().values() for endpoint in feature.fast_endpoints]
    app = DirectRoutes(app, _direct_routes())
    app = StripQueryAndCookies(RequestBodyLimits(app, seconds=body_seconds))
    app = FastPath(app, services[Authenticator], *endpoints)
    app = context = RequestContext(
        app,
        metrics=services[Metrics] if settings.counts_requests else None,
        https=settings.cookie_secure,
        cors=partial(_with_cors, settings=settings),
    )
    services[Readiness].when_withdrawn(context.close_connections)
    if tracer is not None:
        from jwtapi.web.request_spans import RequestSpans  # noqa: PLC0415  needs the extra `otel`

        app = RequestSpans(app, tracer)
    if settings.trusted_proxies:
        app = TrustedProxies(app, settings.trusted_proxies)  # type: ignore[assignment]
    if settings.uds is not None:
        app = UnixPeers(app)
    return app if settings.root_path is None else StripRootPath(app, settings.root_path, own_paths)


def _with_cors(app: ASGIApp, settings: Settings) -> ASGIApp:
    others = Cors(app, origins=settings.cors_origins, headers=settings.cors_headers) if settings.cors_origins else app
    return PublicPaths(app, others, [path for feature in features().values() for path in feature.public_paths])


def _direct_routes() -> list[StrictRoute]:
    return [
        route
        for feature in features().values()
        for router in feature.routers
        for route in router.routes
        if isinstance(route, StrictRoute) and route.endpoint in feature.direct_endpoints
    ]


def _operation_id(route: APIRoute) -> str:
    """The name of the endpoint in camelCase. Generated clients use it as the name of the method."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)
