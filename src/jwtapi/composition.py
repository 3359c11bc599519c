"""The composition root: it names every feature, and makes every service once."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module

from pydantic import SecretStr

from jwtapi.api_keys.cache import MAX_KEYS, ApiKeyCache
from jwtapi.api_keys.service import ApiKeyService
from jwtapi.api_keys.uses import ApiKeyUses
from jwtapi.authentication.authenticator import Authenticator
from jwtapi.clients.service import ClientService
from jwtapi.clock import Clock, system_clock
from jwtapi.feature import Feature
from jwtapi.gauges import Gauges
from jwtapi.housekeeping import BATCH, INTERVAL_SECONDS, Housekeeping, Prune
from jwtapi.mail.delivery import POLL_SECONDS as MAIL_POLL_SECONDS
from jwtapi.mail.delivery import Delivery
from jwtapi.mail.links import Links
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.mail.service import MailService
from jwtapi.mail.settings import NoticeSettings
from jwtapi.metrics import Metrics
from jwtapi.rate_limiting.database import DatabaseStorage
from jwtapi.rate_limiting.fallback import FallbackStorage
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.rate_limiting.memory import MemoryStorage
from jwtapi.rate_limiting.storage import RateLimitStorage
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.second_factors.passkeys import Passkeys
from jwtapi.second_factors.recovery import RecoveryCodeFactor
from jwtapi.second_factors.relying_party import relying_party
from jwtapi.second_factors.service import SecondFactors
from jwtapi.second_factors.settings import MfaSettings
from jwtapi.second_factors.totp import TotpFactor
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.key_ring import KeyRing
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.security.name_macs import NameMacs
from jwtapi.security.password_policy import PasswordPolicy
from jwtapi.security.passwords import WAITING_PER_THREAD, PasswordHasher
from jwtapi.security.recovery_codes import RecoveryCodes
from jwtapi.security.refresh_tokens import RefreshTokens
from jwtapi.security.secret_keys import SecretKeys
from jwtapi.security.totp import TotpSecrets
from jwtapi.security.usernames import UsernamePolicy
from jwtapi.services import Services
from jwtapi.sessions.cache import MAX_SESSIONS, SessionCache
from jwtapi.sessions.service import SessionPolicy, SessionService
from jwtapi.settings import Settings, SigningAlgorithm
from jwtapi.sign_in.cookie_diagnosis import CookieDiagnosis
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.sign_in.service import SignIn
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.arrivals import Arrivals
from jwtapi.storage.change_feed import POLL_SECONDS, SILENCE_SECONDS, ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.engine import WAIT_SECONDS
from jwtapi.storage.personal_data import PERSONAL_DATA, PersonalData
from jwtapi.storage.readiness import REUSE_SECONDS, Readiness
from jwtapi.users.deletion import prune_deleted_users
from jwtapi.users.export import AccountExport
from jwtapi.users.held_names import HeldNames
from jwtapi.users.invitations import InvitationService
from jwtapi.users.service import NewPasswords, UserService
from jwtapi.web.rate_limits import AddressLimiter

FEATURES = (
    "login",
    "login_mfa",
    "oauth",
    "discovery",
    "forward_auth",
    "account",
    "email",
    "password",
    "sessions",
    "mfa",
    "passkeys",
    "api_keys",
    "account_page",
    "admin_page",
    "revocations",
    "admin",
    "admin_activity",
)
"""The packages in `features/`, in the order of the API documentation."""

FAILED_MAIL_AGE = timedelta(days=30)
"""How long mails that were given up are kept, for `jwtapi mail list` and `retry`."""

_CLOCKS_DIFFER = timedelta(minutes=5)


@cache
def features() -> Mapping[str, Feature]:
    """Load the features, and return what each gives, by the name of its package."""
    return {name: import_module(f"jwtapi.features.{name}.feature").feature for name in FEATURES}


@cache
def settings_class() -> type[Settings]:
    """Return the class that has the settings of jwtapi and those of its features."""
    of_features = [feature.settings for feature in features().values() if feature.settings is not None]
    # Workers get the settings by `pickle`, which cannot find a class that was made at run time by its name.
    members = {"__module__": __name__, "__reduce__": lambda self: (_empty_settings, (), self.__getstate__())}
    return type("Settings", (Settings, NoticeSettings, MfaSettings, *of_features), members)


def _empty_settings() -> Settings:
    """Make an instance that `pickle` fills."""
    kind = settings_class()
    return kind.__new__(kind)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times and sizes that no setting changes. Tests change them."""

    database_seconds: float = WAIT_SECONDS
    feed_poll_seconds: float = POLL_SECONDS
    feed_silence_seconds: float = SILENCE_SECONDS
    cached_sessions: int = MAX_SESSIONS
    cached_api_keys: int = MAX_KEYS
    readiness_seconds: float = REUSE_SECONDS
    hashes_waiting_per_thread: int = WAITING_PER_THREAD
    housekeeping_seconds: float = INTERVAL_SECONDS
    housekeeping_batch: int = BATCH
    mail_poll_seconds: float = MAIL_POLL_SECONDS


@asynccontextmanager
async def open_services(
    settings: Settings, clock: Clock = system_clock, tuning: Tuning | None = None
) -> AsyncIterator[Services]:
    services = make_services(settings, clock, tuning)
    try:
        yield services
    finally:
        await services.close()


def make_services(settings: Settings, clock: Clock = system_clock, tuning: Tuning | None = None) -> Services:
    """Make every service. Connections are opened when first used.

    Raises:
        StorageUnavailable: the file of an SQLite database cannot be opened.
    """
    services = Services(settings, clock)
    tuning = tuning or Tuning()
    _add_storage(services, tuning)
    _add_security(services, tuning)
    _add_mail(services, tuning)
    _add_sign_in(services)
    prunes = _prunes(services)
    for name, feature in features().items():
        services.add(*feature.services(services))
        prunes |= {f"{name} {number}": prune for number, prune in enumerate(feature.prunes(services))}
    services.add(
        Housekeeping(
            services[Database],
            prunes,
            interval_seconds=tuning.housekeeping_seconds,
            batch=tuning.housekeeping_batch,
        )
    )
    return services


def _add_storage(services: Services, tuning: Tuning) -> None:
    settings, clock = services.settings, services.clock
    metrics = Metrics()
    on_unit = (lambda unit: metrics.observe_unit(**unit._asdict())) if settings.counts_requests else None
    database = Database.of(settings, wait_seconds=tuning.database_seconds, on_unit=on_unit)
    services.on_close(database.close)
    feed = ChangeFeed(
        database,
        on_interruption=metrics.count_feed_interruption,
        poll_seconds=tuning.feed_poll_seconds,
        silence_seconds=tuning.feed_silence_seconds,
    )
    services.add(
        metrics,
        database,
        feed,
        Readiness(database, reuse_seconds=tuning.readiness_seconds),
        Arrivals(database),
        SessionCache(database, feed, max_sessions=tuning.cached_sessions, token_claims=settings.token_claims),
        ApiKeyCache(database, feed, max_keys=tuning.cached_api_keys),
        ApiKeyUses(database),
        Gauges(metrics, database, feed, clock, workers=settings.workers),
    )
    storage = _rate_limit_storage(settings, database, metrics, clock)
    services.on_close(storage.close)
    limiter = RateLimiter(settings, storage)
    services.add(limiter, AddressLimiter(limiter))


def _add_security(services: Services, tuning: Tuning) -> None:
    settings, metrics = services.settings, services[Metrics]
    refresh_secret = settings.refresh_secret.get_secret_value()
    previous_refresh_secret = _plain(settings.refresh_secret_previous)
    hasher = PasswordHasher(
        rounds=settings.bcrypt_rounds,
        on_pending=metrics.set_hashes_pending,
        on_wait=metrics.observe_hash_wait,
        waiting_per_thread=tuning.hashes_waiting_per_thread,
    )
    services.on_close(hasher.close)
    key_ring = KeyRing(
        SecretKeys.of(settings.jwt_secret.get_secret_value(), _plain(settings.jwt_secret_previous)),
        services.clock,
        token_lifetime=timedelta(seconds=settings.access_token_ttl),
        begins_with_secret=settings.signing_algorithm is SigningAlgorithm.HS256,
        max_age=timedelta(seconds=settings.signing_key_max_age),
    )
    services.add(
        hasher,
        NewPasswords(
            PasswordPolicy(min_length=settings.password_min_length, blocklist=settings.password_blocklist), hasher
        ),
        UsernamePolicy(settings.reserved_usernames),
        key_ring,
        SigningKeys(settings, services[Database], services[ChangeFeed], key_ring, services.clock),
        AccessTokens(
            key_ring,
            ttl=settings.access_token_ttl,
            issuer=settings.issuer,
            audience=settings.token_audience,
            own_claim=settings.token_claims_namespace if settings.token_claims else None,
        ),
        RefreshTokens(refresh_secret, previous_secret=previous_refresh_secret),
        DeviceTokens(refresh_secret, previous_secret=previous_refresh_secret),
        LinkTokens(refresh_secret, previous_secret=previous_refresh_secret),
        TotpSecrets(refresh_secret, previous_secret=previous_refresh_secret),
        RecoveryCodes(refresh_secret, previous_secret=previous_refresh_secret),
        HeldNames(NameMacs(refresh_secret, previous_secret=previous_refresh_secret), services.clock),
    )


def _add_mail(services: Services, tuning: Tuning) -> None:
    settings, clock = services.settings, services.clock
    outbox, links = Outbox(settings), Links(settings)
    delivery = Delivery(
        settings,
        services[Database],
        outbox,
        links,
        services[LinkTokens],
        services[Metrics],
        clock,
        poll_seconds=tuning.mail_poll_seconds,
    )
    services.add(
        outbox,
        links,
        delivery,
        MailService(services[Database], outbox, clock),
        Notices(settings, outbox, services[RateLimiter], clock),
    )


def _add_sign_in(services: Services) -> None:
    settings, clock = services.settings, services.clock
    database, metrics, arrivals = services[Database], services[Metrics], services[Arrivals]
    access_tokens, device_tokens = services[AccessTokens], services[DeviceTokens]
    limiter, notices = services[RateLimiter], services[Notices]
    sessions = SessionService(
        database,
        arrivals,
        access_tokens,
        services[RefreshTokens],
        SessionPolicy.of(settings),
        notices,
        metrics,
        clock,
        token_claims=settings.token_claims,
    )
    cookies = AuthCookies(settings)
    outbox, links = services[Outbox], services[Links]
    invitations = InvitationService(settings, database, outbox, services[LinkTokens], links, clock)
    passwords, usernames = services[NewPasswords], services[UsernamePolicy]
    sign_in = SignIn(database, sessions, device_tokens, notices, metrics, clock)
    second_factors = SecondFactors(settings, database, limiter, metrics, clock)
    sign_in.add_further_factor(second_factors)
    party = relying_party(settings)
    changes = FactorChanges(
        sessions,
        services[RecoveryCodes],
        notices,
        clock,
        rp_id=party.rp_id if party is not None else None,
        sends_mail=settings.sends_mail,
    )
    totp = TotpFactor(settings, database, services[TotpSecrets], changes, clock)
    second_factors.add(totp)
    passkeys = Passkeys(party, database, sessions, changes, device_tokens, metrics, clock)
    if passkeys.is_available:
        second_factors.add(passkeys)
    second_factors.add(RecoveryCodeFactor(database, services[RecoveryCodes], notices, clock))
    services.add(
        sessions,
        Authenticator(
            access_tokens,
            services[SigningKeys],
            services[SessionCache],
            arrivals,
            services[ApiKeyCache],
            services[ApiKeyUses],
            clock,
        ),
        ApiKeyService(database, notices, clock),
        ClientService(database, access_tokens, services[SigningKeys], clock),
        invitations,
        UserService(
            database,
            usernames,
            services[HeldNames],
            passwords,
            invitations,
            outbox,
            limiter,
            metrics,
            clock,
            token_claims=settings.token_claims,
        ),
        AccountExport(database, _personal_data(), clock),
        PasswordProver(database, services[PasswordHasher], limiter, device_tokens, metrics, clock),
        sign_in,
        second_factors,
        changes,
        totp,
        passkeys,
        cookies,
        CookieDiagnosis(settings, cookies),
    )


def _personal_data() -> list[PersonalData]:
    return [*PERSONAL_DATA, *(kept for feature in features().values() for kept in feature.personal_data)]


def _prunes(services: Services) -> dict[str, Prune]:
    clock, settings = services.clock, services.settings
    # What was revoked stays until its tokens have expired, and a little longer, because clocks differ: the feed of
    # revocations is made of these rows.
    revocation_age = timedelta(seconds=settings.revocation_age) + _CLOCKS_DIFFER
    event_age = max(timedelta(seconds=settings.event_max_age), revocation_age)
    return {
        "deleted users": lambda uow, limit: prune_deleted_users(uow, clock(), limit=limit),
        "held names": lambda uow, limit: uow.held_names.prune(clock(), limit=limit),
        "sessions": lambda uow, limit: uow.sessions.prune(clock() - revocation_age, limit=limit),
        "events": lambda uow, limit: uow.events.prune(clock() - event_age, limit=limit),
        "mails": lambda uow, limit: uow.mails.prune(clock() - FAILED_MAIL_AGE, limit=limit),
        "invitations": lambda uow, limit: uow.invitations.prune(clock(), limit=limit),
        "tickets": services[SecondFactors].prune,
        "passkey challenges": services[Passkeys].prune,
        "remembered devices": services[SecondFactors].prune_devices,
        "rate limits": lambda uow, limit: uow.rate_limits.prune(clock().timestamp(), limit=limit),
        "signing keys": services[SigningKeys].prune,
    }


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _rate_limit_storage(settings: Settings, database: Database, metrics: Metrics, clock: Clock) -> RateLimitStorage:
    uri = settings.rate_limit_storage_uri.get_secret_value()
    if uri.startswith("memory:"):
        return MemoryStorage()
    in_database = DatabaseStorage(database, clock)
    if uri.startswith("database:"):
        return in_database
    from jwtapi.rate_limiting.redis import RedisStorage  # noqa: PLC0415  5 MB that most installations do not need

    return FallbackStorage(RedisStorage(uri, clock), in_database, metrics)
