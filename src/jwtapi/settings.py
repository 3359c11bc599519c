"""The settings: their sources, their allowed values and their defaults.

Sources, strongest first: environment variables, `NAME_FILE` variables that name a file (Docker secrets), `.env`.
No error repeats a value, because it may be a secret in the wrong place.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

import limits
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from jwtapi.env_file import EnvFileError, read_env_file
from jwtapi.secret_strength import new_secret, weakness_of
from jwtapi.socket_files import MAX_PATH_BYTES
from jwtapi.token_claims import TAKEN
from jwtapi.urls.database import parse_database_url
from jwtapi.urls.mail import parse_mail_url
from jwtapi.urls.public import parse_public_url
from jwtapi.urls.redis import parse_storage_uri
from jwtapi.urls.writing import MAX_PORT
from jwtapi.web_origin import parse_domain, parse_origin

T = TypeVar("T")

ENV_FILE = Path(".env")
MIN_PRODUCTION_ROUNDS = 10

ISSUER = "jwtapi"
"""The claim `iss` of tokens for jwtapi itself, and of access tokens without PUBLIC_URL."""

UNIX_PEER = "unix"
"""Means a client that connects through the socket file, in TRUSTED_PROXIES and in the log."""

MAX_RATE_LIMIT = 1_000_000
"""Attempts in a window. The time of each one is stored until it leaves the window."""

MAX_CLAIM_NAME = 100
"""Characters of a name in TOKEN_CLAIMS, and of TOKEN_CLAIMS_NAMESPACE."""

LEEWAY_SECONDS = 60
"""How much longer than the lifetime of a token everything about it is kept, because clocks differ."""

MAX_RATE_LIMIT_SECONDS = 30 * 24 * 3600

_COLLECTOR_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ \t]*[ !#-+\--:<-\[\]-~]*")
"""The headers that OpenTelemetry's exporter accepts. A value has no quotes, semicolons or backslashes."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SigningAlgorithm(StrEnum):
    """What signs access tokens (RFC 7518 §3.1, RFC 8037). The values are those of `alg`."""

    HS256 = "HS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"
    RS256 = "RS256"


class Registration(StrEnum):
    """Who can register."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


class LogFormat(StrEnum):
    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class SameSite(StrEnum):
    """The attribute SameSite of the cookies (RFC 6265bis §5.2)."""

    STRICT = "strict"
    LAX = "lax"
    NONE = "none"


class LogLevel(StrEnum):
    """The levels, from the lowest to the highest."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SettingsError(Exception):
    """The configuration is unusable. `problems` has one line for each fault, with the setting's name, not its value."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def _strong_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and (weakness := weakness_of(secret.get_secret_value())) is not None:
        raise ValueError(f"{weakness}; make one with `jwtapi secrets`")
    return secret


def _comma_separated(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _each(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda values: tuple(check(value) for value in values))


def _header_name(name: str) -> str:
    if name == "*" or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):  # RFC 9110 §5.1
        raise ValueError("must be names of request headers such as x-tenant, comma separated; no wildcard")
    return name.lower()


def _root_path(path: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path) or not {".", ".."}.isdisjoint(path.split("/")):
        raise ValueError("must be a path such as /sso: a / before each part, and parts of letters, digits and ._~-")
    return path


def _proxy(network: str) -> str:
    if network == UNIX_PEER:
        return network
    try:
        ipaddress.ip_network(network)
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.0/8, comma separated") from None
    return network


def _algorithm(value: Any) -> Any:
    by_lower_case = {algorithm.lower(): algorithm for algorithm in SigningAlgorithm}
    return by_lower_case.get(value.lower(), value) if isinstance(value, str) else value


def _audience(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,200}", text):
        raise ValueError("must be a name or a URL such as https://api.example.com, without spaces")
    return text


def _member(name: str) -> str:
    if not name.isprintable() or len(name) > MAX_CLAIM_NAME:
        raise ValueError(
            f"must be names of members of metadata, comma separated, of at most {MAX_CLAIM_NAME} characters"
        )
    return name


def _claim(name: str) -> str:
    if not re.fullmatch(rf"[!-~]{{1,{MAX_CLAIM_NAME}}}", name):
        raise ValueError("must be a name or a URL such as https://example.com/claims, without spaces")
    if name in TAKEN:
        raise ValueError("must not be the name of another claim; take a name of your own, or a URL")
    return name


def _username(name: str) -> str:
    if name.split() != [name]:
        raise ValueError("must be user names such as admin, comma separated")
    return name


def _rate_limit(text: str) -> str:
    try:
        found = limits.parse_many(text)
    except ValueError:
        found = []
    if len(found) != 1 or found[0].amount < 1:
        raise ValueError("must be one limit, such as 10/15 minutes")
    if found[0].amount > MAX_RATE_LIMIT or found[0].get_expiry() > MAX_RATE_LIMIT_SECONDS:
        days = MAX_RATE_LIMIT_SECONDS // 86400
        raise ValueError(f"must be at most {MAX_RATE_LIMIT} attempts, within at most {days} days")
    return text


def _secretly(parse: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda secret: SecretStr(parse(secret.get_secret_value())))


def _mail_url(url: str) -> str:
    parse_mail_url(url)
    return url


def _mailbox(text: str) -> str:
    """Check an address as it stands in the header From: `jwtapi <no-reply@example.com>` or only the address."""
    match = re.fullmatch(r"(?:[^<>@\"\\]{1,100} <([^<>]+)>|([^<>\s]+))", text)
    address = (match[1] or match[2]) if match is not None else ""
    if not text.isprintable() or not re.fullmatch(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9.-]{1,255}", address):
        raise ValueError("must be an address such as no-reply@example.com, or Example <no-reply@example.com>")
    return text


RateLimit = Annotated[str, AfterValidator(_rate_limit)]


def parse_listen_address(address: str) -> tuple[str, int] | Path:
    """Return host and port, or the path of a socket file.

    Raises:
        ValueError: the text has none of the forms `127.0.0.1:9100`, `[::1]:9100` and `unix:/path`. The message does
            not repeat it.
    """
    if address.startswith("unix:/") and _fits_a_socket(address.removeprefix("unix:")):
        return Path(address.removeprefix("unix:"))
    match = re.fullmatch(r"(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})", address, re.ASCII)
    if match is None or not 0 < int(match[3]) <= MAX_PORT:
        raise ValueError("must be host:port, such as 127.0.0.1:9100 or [::1]:9100, or unix:/path/to/file.sock")
    return match[1] or match[2], int(match[3])


def _listen_address(address: str) -> str:
    parse_listen_address(address)
    return address


def _collector(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # http://[
        is_sound = False
    if not is_sound or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be http://host:port of a collector; its headers are in OTEL_EXPORTER_OTLP_HEADERS")
    if not _is_installed("opentelemetry.exporter.otlp.proto.http") or not _is_installed("opentelemetry.sdk"):
        raise ValueError("needs OpenTelemetry; install it with: pip install 'jwtapi[otel]'")
    return url.rstrip("/")


def _check_collector_headers() -> None:
    """Check the headers before the exporter reads them. It would print a malformed one, which usually is a key.

    Raises:
        ValueError: a header is malformed. The message names the variable.
    """
    for variable in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
        for header in os.environ.get(variable, "").split(","):
            if header.strip() and not _COLLECTOR_HEADER.fullmatch(header.strip()):
                raise ValueError(f"{variable}: must be name=value, comma separated, such as api-key=...")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing too
        return False


def _fits_a_socket(path: str) -> bool:
    return len(os.fsencode(path)) <= MAX_PATH_BYTES


def _socket_path(path: Path) -> Path:
    if not path.is_absolute() or not _fits_a_socket(str(path)):
        raise ValueError(
            f"must be the absolute path of a socket file of at most {MAX_PATH_BYTES} bytes: /run/jwtapi/jwtapi.sock"
        )
    return path


def _is_single_address(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]


class _FromOurSources(BaseSettings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  NamedFiles reads files instead
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = init_settings().keys()
        return init_settings, env_settings, NamedFiles(settings_cls, given), dotenv_settings


class Settings(_FromOurSources):
    """Each attribute is a setting, named as in `.env` but in lower case. Times are in seconds."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    host: str = "127.0.0.1"
    port: int = Field(4000, ge=0, le=MAX_PORT)
    uds: Annotated[Path, AfterValidator(_socket_path)] | None = None
    """Replaces host and port."""
    workers: int = Field(1, ge=1, le=256)
    drain_seconds: int = Field(0, ge=0, le=3600)
    jwt_secret: Annotated[SecretStr, AfterValidator(_strong_secret)]
    refresh_secret: Annotated[SecretStr, AfterValidator(_strong_secret)]
    jwt_secret_previous: Annotated[SecretStr | None, AfterValidator(_strong_secret)] = None
    refresh_secret_previous: Annotated[SecretStr | None, AfterValidator(_strong_secret)] = None
    signing_algorithm: Annotated[SigningAlgorithm, BeforeValidator(_algorithm)]
    signing_key: SecretStr | None = None
    """PEM private keys, in place of those that jwtapi makes and stores. The last one is the newest."""
    signing_key_max_age: int = Field(90 * 24 * 3600, ge=3600, le=3650 * 24 * 3600)
    signing_key_prepublish: int = Field(3600, ge=1, le=30 * 24 * 3600)
    """How long a new key is published before it signs."""
    token_audience: Annotated[str, AfterValidator(_audience)] | None = None
    token_claims: Annotated[CommaSeparated, _each(_member)] = ()
    """The members of users' metadata that access tokens contain."""
    token_claims_namespace: Annotated[str, AfterValidator(_claim)] = "claims"  # noqa: S105  a name
    """The claim that has these members."""
    clients_required: bool = False
    database_url: Annotated[SecretStr, _secretly(parse_database_url)] = SecretStr("sqlite+aiosqlite:///jwtapi.db")
    database_pool_size: int = Field(10, ge=1, le=1000)
    database_statement_cache: int = Field(100, ge=0, le=1000)

    access_token_ttl: int = Field(15 * 60, ge=1, le=24 * 3600)
    refresh_token_ttl: int = Field(7 * 24 * 3600, ge=60, le=400 * 24 * 3600)
    session_max_age: int = Field(30 * 24 * 3600, ge=60, le=3650 * 24 * 3600)
    max_sessions_per_user: int = Field(100, ge=1, le=10_000)

    event_max_age: int = Field(90 * 24 * 3600, ge=3600, le=3650 * 24 * 3600)

    bcrypt_rounds: int = Field(12, ge=4, le=16)
    password_min_length: int = Field(ge=8, le=64)
    password_blocklist: bool

    reserved_usernames: Annotated[CommaSeparated, _each(_username)] = (
        *("abuse", "admin", "administrator", "hostmaster", "postmaster", "root"),
        *("security", "support", "system", "webmaster", "www"),
    )

    rate_limit_enabled: bool = True
    login_rate_limit: RateLimit = "10/15 minutes"
    login_rate_limit_spares_success: bool
    account_rate_limit: RateLimit = "10/15 minutes"
    register_rate_limit: RateLimit | None = None
    """None: the same as `login_rate_limit`. If many people share one address, they need more registrations."""
    refresh_rate_limit: RateLimit = "1000/15 minutes"
    email_recipient_rate_limit: RateLimit = "1/minute"
    """How often one e-mail address is entered, by anybody."""
    rate_limit_storage_uri: Annotated[SecretStr, _secretly(parse_storage_uri)] = SecretStr("database://")
    trusted_proxies: Annotated[CommaSeparated, _each(_proxy)] = ()

    root_path: Annotated[str, AfterValidator(_root_path)] | None = None
    public_url: Annotated[str, AfterValidator(parse_public_url)] | None = None
    """Where people reach this server. Links are made from it, never from a request."""
    account_url: Annotated[str, AfterValidator(parse_public_url)] | None = None
    """The app's own pages, in place of `/account`."""
    mail_url: Annotated[SecretStr, _secretly(_mail_url)] | None = None
    mail_from: Annotated[str, AfterValidator(_mailbox)] | None = None
    mail_templates: Path | None = None
    registration: Annotated[Registration, BeforeValidator(_lower_case)] = Registration.OPEN
    email_required: bool = False
    account_page_enabled: bool = True
    cors_origins: Annotated[CommaSeparated, _each(parse_origin)] = ()
    cors_headers: Annotated[CommaSeparated, _each(_header_name)] = ()
    cookie_name: str = Field("refreshToken", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    cookie_secure: bool
    cookie_samesite: Annotated[SameSite, BeforeValidator(_lower_case)] = SameSite.STRICT
    cookie_domain: Annotated[str, AfterValidator(parse_domain)] | None = None

    docs_enabled: bool
    metrics_enabled: bool = False
    metrics_listen: Annotated[str, AfterValidator(_listen_address)] | None = None
    otel_exporter_otlp_endpoint: Annotated[str, AfterValidator(_collector)] | None = None
    log_format: LogFormat = LogFormat.AUTO
    log_level: Annotated[LogLevel, BeforeValidator(_lower_case)] = LogLevel.INFO

    def of(self, kind: type[T]) -> T:
        """Return these settings as `kind`, the settings of one feature.

        Raises:
            TypeError: the feature is not listed in `jwtapi.composition`, so its settings were not read.
        """
        if not isinstance(self, kind):
            raise TypeError(f"{kind.__name__} are no settings of a listed feature")
        return self

    @property
    def in_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def base_url(self) -> str:
        """PUBLIC_URL, without a slash at its end. Without PUBLIC_URL, the address on this machine.

        It has a name, because browsers have no passkeys for an IP address.
        """
        return self.public_url or f"http://localhost:{self.port}{self.root_path or ''}"

    @property
    def issuer(self) -> str:
        """The claim `iss` of access tokens: PUBLIC_URL, or `jwtapi` without it."""
        return self.public_url or ISSUER

    @property
    def revocation_age(self) -> int:
        """How long a revocation matters to services that check tokens themselves, in seconds.

        It is the lifetime of tokens, and a minute more, because clocks differ.
        """
        return self.access_token_ttl + LEEWAY_SECONDS

    @property
    def public_origin(self) -> str | None:
        """The origin of PUBLIC_URL, as browsers write it. None without PUBLIC_URL."""
        return "/".join(self.public_url.split("/")[:3]) if self.public_url is not None else None

    @property
    def sends_mail(self) -> bool:
        """Whether mails are sent. In development without MAIL_URL they become files."""
        return self.mail_url is not None or not self.in_production

    @property
    def counts_requests(self) -> bool:
        """Whether metrics are counted, because an endpoint or a separate listener serves them."""
        return self.metrics_enabled or self.metrics_listen is not None

    @property
    def has_metrics_endpoint(self) -> bool:
        """Whether `/metrics` is on the port of all other endpoints."""
        return self.metrics_enabled and self.metrics_listen is None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_defaults_of_the_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        production = given.get("environment") == Environment.PRODUCTION
        return {
            "password_min_length": 15 if production else 8,
            "password_blocklist": production,
            "login_rate_limit_spares_success": production,
            "cookie_secure": production,
            "docs_enabled": not production,
            "signing_algorithm": SigningAlgorithm.ES256 if production else SigningAlgorithm.HS256,
        } | given

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        self._check_that_secrets_differ()
        if self.in_production and self.bcrypt_rounds < MIN_PRODUCTION_ROUNDS:
            raise ValueError(f"BCRYPT_ROUNDS: must be {MIN_PRODUCTION_ROUNDS} or more in production")
        if self.refresh_token_ttl > self.session_max_age:
            raise ValueError("REFRESH_TOKEN_TTL: must not exceed SESSION_MAX_AGE")
        if self.uds is not None and self.metrics_listen == f"unix:{self.uds}":
            raise ValueError("METRICS_LISTEN: must differ from UDS; take another file")
        if UNIX_PEER in self.trusted_proxies and self.uds is None:
            raise ValueError("TRUSTED_PROXIES: unix needs UDS; without UDS, name the address of the proxy")
        if self._metrics_need_the_same_port():
            raise ValueError("METRICS_LISTEN: must differ from HOST and PORT; take another port")
        self._check_signing()
        self._check_cookies()
        self._check_mail()
        if self.otel_exporter_otlp_endpoint is not None:
            _check_collector_headers()
        return self

    def _check_signing(self) -> None:
        if self.signing_key is not None and self.signing_algorithm is SigningAlgorithm.HS256:
            raise ValueError("SIGNING_KEY: needs SIGNING_ALGORITHM=ES256, EdDSA or RS256; HS256 signs with JWT_SECRET")
        if self.signing_key_prepublish > self.signing_key_max_age:
            raise ValueError("SIGNING_KEY_PREPUBLISH: must not exceed SIGNING_KEY_MAX_AGE")

    def _check_mail(self) -> None:
        if self.mail_url is not None and self.mail_from is None:
            raise ValueError("MAIL_FROM: missing; MAIL_URL needs the address that mails come from")
        if self.mail_url is not None and self.in_production and self.public_url is None:
            raise ValueError("PUBLIC_URL: missing; links in mails need it, such as https://auth.example.com")
        if self.email_required and not self.sends_mail:
            raise ValueError("EMAIL_REQUIRED: needs MAIL_URL, because addresses are verified by mail")
        path = "/".join(self.public_url.split("/")[3:]) if self.public_url is not None else None
        if path is not None and f"/{path}".rstrip("/") != (self.root_path or ""):
            raise ValueError("PUBLIC_URL: its path must be ROOT_PATH, and it must have none without ROOT_PATH")

    def _check_cookies(self) -> None:
        """Refuse cookies that browsers would not store, and SameSite=None without any origin that needs it."""
        if self.cookie_name.startswith(("__Host-", "__Secure-")) and not self.cookie_secure:
            raise ValueError("COOKIE_NAME: the prefixes __Host- and __Secure- need COOKIE_SECURE=true")
        if self.cookie_name.startswith("__Host-") and self.cookie_domain is not None:
            raise ValueError("COOKIE_DOMAIN: a cookie whose name begins with __Host- has no domain; change COOKIE_NAME")
        if self.cookie_samesite is SameSite.NONE and not self.cookie_secure:
            raise ValueError("COOKIE_SAMESITE: none needs COOKIE_SECURE=true, or browsers drop the cookie")
        if self.cookie_samesite is SameSite.NONE and not self.cors_origins:
            raise ValueError("COOKIE_SAMESITE: none is for the pages of CORS_ORIGINS: name at least one origin")

    def _metrics_need_the_same_port(self) -> bool:
        """Two addresses can share a port if both are single IP addresses. A host name may resolve to any address."""
        place = parse_listen_address(self.metrics_listen) if self.metrics_listen is not None else None
        if self.uds is not None or not isinstance(place, tuple) or place[1] != self.port:
            return False
        return place[0] == self.host or not all(_is_single_address(host) for host in (place[0], self.host))

    def _check_that_secrets_differ(self) -> None:
        seen: dict[str, str] = {}
        for name in ("jwt_secret", "refresh_secret", "jwt_secret_previous", "refresh_secret_previous"):
            secret: SecretStr | None = getattr(self, name)
            if secret is None:
                continue
            if (other := seen.setdefault(secret.get_secret_value(), name)) != name:
                raise ValueError(f"{name.upper()}: must differ from {other.upper()}")


class _LogFormatAlone(_FromOurSources):
    model_config = SettingsConfigDict(env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore")

    log_format: LogFormat = LogFormat.AUTO


class NamedFiles(PydanticBaseSettingsSource):
    """Reads NAME from the file that the environment variable NAME_FILE names, without one trailing newline."""

    def __init__(self, settings_cls: type[BaseSettings], given: Collection[str]) -> None:
        """Reads no file for a setting that is `given` in another way, because that file may not exist."""
        super().__init__(settings_cls)
        self._given = given

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path or field_name in self._given:
            return None, field_name, False
        if os.environ.get(field_name.upper()):
            raise SettingsError([f"{variable}: set this or {field_name.upper()}, not both"])
        try:
            value = Path(path).read_text(encoding="utf-8-sig").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise SettingsError([f"{variable}: cannot read the file: {reason}"]) from None
        if "\0" in value:
            raise SettingsError([f"{variable}: the file contains a zero byte"])
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def load_settings(env_file: Path | None = ENV_FILE, *, kind: type[Settings] = Settings, **overrides: Any) -> Settings:
    """Read the settings from the environment and `env_file`. `overrides` (lower-case names) override both.

    Pass `jwtapi.composition.settings_class()` as `kind` to load the settings of the features too.

    Raises:
        SettingsError: a setting is missing, unknown or malformed, or a line of `env_file` is not understood.
    """
    try:
        if env_file is not None:
            read_env_file(env_file)  # pydantic-settings would skip lines that it does not understand
        return kind(_env_file=env_file, **overrides)  # type: ignore[call-arg]  # the sources supply the other fields
    except EnvFileError as error:
        raise SettingsError(error.problems) from None
    except ValidationError as error:
        raise SettingsError(
            [_describe(fault, kind) for fault in error.errors(include_input=False, include_url=False)]
        ) from None


def load_settings_without_secrets(
    env_file: Path | None = ENV_FILE, *, kind: type[Settings] = Settings, **overrides: Any
) -> Settings:
    """As `load_settings`, for commands that neither sign nor verify tokens, so that they need not read the secrets.

    Raises:
        SettingsError: another setting is unknown or malformed.
    """
    placeholders = {"jwt_secret": new_secret(), "refresh_secret": new_secret()}
    none = {"jwt_secret_previous": None, "refresh_secret_previous": None, "signing_key": None}
    return load_settings(env_file, kind=kind, **(overrides | placeholders | none))


def load_log_format(env_file: Path = ENV_FILE) -> LogFormat:
    """Read only LOG_FORMAT, to report that the settings are unusable. AUTO if LOG_FORMAT itself cannot be read."""
    for source in (env_file, None):
        with suppress(SettingsError, ValidationError, OSError, UnicodeError):
            return _LogFormatAlone(_env_file=source).log_format  # type: ignore[call-arg]  # as above
    return LogFormat.AUTO


def _describe(fault: ErrorDetails, kind: type[Settings]) -> str:
    name = str(fault["loc"][0]).upper() if fault["loc"] else ""
    match fault["type"]:
        case "missing":
            return f"{name}: missing; make both secrets with `jwtapi secrets`"
        case "extra_forbidden":
            near = difflib.get_close_matches(name.lower(), kind.model_fields, n=1)
            return f"{name}: unknown setting" + (f"; did you mean {near[0].upper()}?" if near else "")
        case _:
            message = fault["msg"].removeprefix("Value error, ")
            return f"{name}: {message}" if name else message
