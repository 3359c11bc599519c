"""Declares the feature: the feed of what has ended before its tokens expire."""

from datetime import timedelta

from jwtapi.feature import Feature
from jwtapi.features.revocations.entries import OwnClaims
from jwtapi.features.revocations.router import router
from jwtapi.features.revocations.service import RevocationFeed
from jwtapi.security.feed_cursors import FeedCursors
from jwtapi.services import Services
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.readiness import Readiness


def _services(services: Services) -> tuple[RevocationFeed]:
    settings = services.settings
    previous = settings.refresh_secret_previous
    cursors = FeedCursors(
        settings.refresh_secret.get_secret_value(),
        previous_secret=previous.get_secret_value() if previous is not None else None,
    )
    return (
        RevocationFeed(
            services[Database],
            services[ChangeFeed],
            services[Readiness],
            cursors,
            services.clock,
            token_lifetime=timedelta(seconds=settings.access_token_ttl),
            matters_for=timedelta(seconds=settings.revocation_age),
            own_claims=OwnClaims(settings.token_claims_namespace, settings.token_claims),
        ),
    )


feature = Feature(
    routers=(router,),
    tags={"services": "For services that check access tokens themselves."},
    services=_services,
)
