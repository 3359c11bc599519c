"""The composition root: the one file that names every feature."""

from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Lifespan

from jwtapi import __version__
from jwtapi.account import router as account
from jwtapi.auth import router as auth
from jwtapi.auth.cookies import AuthCookies
from jwtapi.auth.documentation import complete
from jwtapi.auth.lost_cookies import LostCookies
from jwtapi.auth.shortcut import ClaimsEndpoint, Shortcut
from jwtapi.resources import Resources
from jwtapi.sessions.service import SessionService
from jwtapi.settings import Settings
from jwtapi.web import health
from jwtapi.web.cors import Cors
from jwtapi.web.docs import install_docs
from jwtapi.web.documentation import document
from jwtapi.web.middleware import RequestContext
from jwtapi.web.problems import install_problem_handlers
from jwtapi.web.proxies import TrustedProxies, UnixPeers
from jwtapi.web.rate_limits import RateLimits
from jwtapi.web.request_body import BodyBounds
from jwtapi.web.root_path import BelowRootPath
from jwtapi.web.withheld import WithoutQueryAndCookies

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

DESCRIPTION = """\
Register, sign in, call the protected routes. **Authorize** asks for user name and password and puts the access token
into every request that is tried here. Every error is `{"message", "code"}`; programs go by the code.
"""

TAGS = [
    {"name": "auth", "description": "Register, sign in, stay signed in, sign out."},
    {"name": "account", "description": "What is the signed-in user's own."},
    {"name": "health", "description": "For whoever runs the server."},
]

CLAIMS_ENDPOINTS = (
    ClaimsEndpoint("/auth/verify", auth.verify),
    ClaimsEndpoint("/profile", account.profile),
    ClaimsEndpoint("/api/profile", account.api_profile),
)


class _App(FastAPI):
    """FastAPI without its outermost layer, which answers faults: RequestContext does, in our form."""

    def build_middleware_stack(self) -> ASGIApp:
        outermost = super().build_middleware_stack()
        assert isinstance(outermost, ServerErrorMiddleware)  # noqa: S101  or FastAPI has changed
        return outermost.app


def create_app(
    resources: Resources, lifespan: Lifespan[Starlette] | None = None, *, tracer: "Tracer | None" = None
) -> ASGIApp:
    """Build the app. Whoever made the resources sees to the database's schema and background tasks, and closes them.

    With a `tracer` each request has a span.
    """
    settings = resources.settings
    app = _routed(settings, lifespan)
    app.state.resources = resources
    app.state.rate_limits = RateLimits(settings, resources.windows)
    app.state.cookies = AuthCookies(settings)
    app.state.lost_cookies = LostCookies(settings, app.state.cookies)
    app.state.sessions = sessions = SessionService(resources)
    guarded = Shortcut(WithoutQueryAndCookies(BodyBounds(app)), sessions, *CLAIMS_ENDPOINTS)
    served = _surrounded(guarded, resources, tracer)
    if settings.root_path is None:
        return served
    own_paths = {context.path for context in iter_route_contexts(app.routes) if context.path is not None}
    return BelowRootPath(served, settings.root_path, own_paths)


def openapi_document(settings: Settings) -> dict[str, Any]:
    """Build what `/openapi.json` answers with these settings, whether or not it is served."""
    return _routed(settings).openapi()


def _routed(settings: Settings, lifespan: Lifespan[Starlette] | None = None) -> FastAPI:
    """Make the app with all its routes, as the document needs it; what answers requests is not there yet."""
    app = _App(
        title="jwtapi",
        version=__version__,
        summary="JWT authentication",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        openapi_tags=TAGS,
        servers=[{"url": settings.root_path or "/", "description": "The server that this document comes from"}],
        contact={"name": "Whoever runs this server"},
        license_info={"name": "MIT", "identifier": "MIT"},
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # Ours surrounds what FastAPI does not see, and says less; its own would tell of exceptions in their words.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=lifespan,
    )
    install_problem_handlers(app)
    app.include_router(auth.router)
    app.include_router(account.router)
    app.include_router(account.api)
    app.include_router(health.router)
    if settings.has_metrics_endpoint:
        app.include_router(health.metrics_router)
    document(app, partial(complete, settings=settings))
    if settings.docs_enabled:
        install_docs(app)
    return app


def _surrounded(app: ASGIApp, resources: Resources, tracer: "Tracer | None") -> ASGIApp:
    """Put around the app what concerns every request; the first layer is the innermost."""
    settings = resources.settings
    cors = partial(Cors, origins=settings.cors_origins, headers=settings.cors_headers)
    context = RequestContext(
        app,
        metrics=resources.metrics if settings.counts_requests else None,
        https=settings.cookie_secure,
        cors=cors if settings.cors_origins else None,
    )
    resources.readiness.when_withdrawn(context.close_connections)
    app = context
    if tracer is not None:
        from jwtapi.web.request_spans import RequestSpans  # noqa: PLC0415  an extra

        app = RequestSpans(app, tracer)
    if settings.trusted_proxies:
        app = TrustedProxies(app, settings.trusted_proxies)  # type: ignore[assignment]
    if settings.uds is not None:
        app = UnixPeers(app)
    return app


def _operation_id(route: APIRoute) -> str:
    """The endpoint's name in camelCase: what generated clients will call it."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)
