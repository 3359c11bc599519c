from pathlib import Path
from typing import Any

import pytest
from opentelemetry.util.re import parse_env_headers

from jwtapi.settings import Environment, SettingsError, load_settings
from jwtapi.urls.writing import NOT_ESCAPED
from tests.conftest import JWT_SECRET, REFRESH_SECRET, MakeSettings, on_sqlite

NO_PUBLIC_URL = "must be a URL such as https://auth.example.com or https://example.com/auth; no user, no ?, no #"
NO_MEMBER = "must be names of members of metadata, comma separated, of at most 100 characters"
NO_NAME = "must be a name or a URL such as https://example.com/claims, without spaces"
TAKEN = "must not be the name of another claim; take a name of your own, or a URL"
SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    return path


def problems(env_file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load_settings(env_file)
    return error.value.problems


def test_secrets_are_all_that_must_be_given(env_file: Path) -> None:
    settings = load_settings(env_file)
    assert (settings.host, settings.port, settings.environment) == ("127.0.0.1", 4000, Environment.DEVELOPMENT)
    assert (settings.access_token_ttl, settings.refresh_token_ttl, settings.session_max_age) == (900, 604800, 2592000)
    assert settings.bcrypt_rounds == 12
    assert settings.login_rate_limit == "10/15 minutes"


@on_sqlite
def test_development_is_lenient_and_production_is_strict(make_settings: MakeSettings) -> None:
    names = (
        "password_min_length",
        "password_blocklist",
        "cookie_secure",
        "docs_enabled",
        "login_rate_limit_spares_success",
    )
    development, production = make_settings(), make_settings(environment="production", bcrypt_rounds=12)
    assert [getattr(development, name) for name in names] == [8, False, False, True, False]
    assert [getattr(production, name) for name in names] == [15, True, True, False, True]


def test_the_environment_overrides_a_named_file_which_overrides_dot_env(
    env_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text(env_file.read_text() + "PORT=1000\n")
    assert load_settings(env_file).port == 1000
    (tmp_path / "port").write_text("2000\n")
    monkeypatch.setenv("PORT_FILE", str(tmp_path / "port"))
    assert load_settings(env_file).port == 2000
    monkeypatch.delenv("PORT_FILE")
    monkeypatch.setenv("PORT", "3000")
    assert load_settings(env_file).port == 3000
    assert load_settings(env_file, port=4001).port == 4001


def test_a_setting_given_both_directly_and_as_a_file_is_refused(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "3000")
    monkeypatch.setenv("PORT_FILE", "/nowhere")
    assert problems(env_file) == ["PORT_FILE: set this or PORT, not both"]


def test_a_named_file_that_cannot_be_read_is_reported(
    env_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT_FILE", str(tmp_path / "missing"))
    assert problems(env_file) == ["PORT_FILE: cannot read the file: No such file or directory"]
    (tmp_path / "binary").write_bytes(b"\xff")
    monkeypatch.setenv("PORT_FILE", str(tmp_path / "binary"))
    assert problems(env_file) == ["PORT_FILE: cannot read the file: not UTF-8"]
    (tmp_path / "binary").write_bytes(b"4\0")
    assert problems(env_file) == ["PORT_FILE: the file contains a zero byte"]


def test_missing_secrets_are_reported_with_the_way_to_make_them() -> None:
    assert problems() == [
        "JWT_SECRET: missing; make both secrets with `jwtapi secrets`",
        "REFRESH_SECRET: missing; make both secrets with `jwtapi secrets`",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    (
        ("LOGIN_RATE_LIMT=5/minute", "LOGIN_RATE_LIMT: unknown setting; did you mean LOGIN_RATE_LIMIT?"),
        ("ZZZ=1", "ZZZ: unknown setting"),
        ("PORT=eighty", "PORT: Input should be a valid integer, unable to parse string as an integer"),
        ("PORT=65536", "PORT: Input should be less than or equal to 65535"),
        ("ENVIRONMENT=staging", "ENVIRONMENT: Input should be 'development' or 'production'"),
        ("BCRYPT_ROUNDS=3", "BCRYPT_ROUNDS: Input should be greater than or equal to 4"),
        ("BCRYPT_ROUNDS=17", "BCRYPT_ROUNDS: Input should be less than or equal to 16"),
        ("PASSWORD_MIN_LENGTH=7", "PASSWORD_MIN_LENGTH: Input should be greater than or equal to 8"),
        ("JWT_SECRET=short", "JWT_SECRET: shorter than 32 bytes; make one with `jwtapi secrets`"),
        (f"JWT_SECRET={REFRESH_SECRET}", "REFRESH_SECRET: must differ from JWT_SECRET"),
        (f"JWT_SECRET_PREVIOUS={JWT_SECRET}", "JWT_SECRET_PREVIOUS: must differ from JWT_SECRET"),
        (f"REFRESH_SECRET_PREVIOUS={JWT_SECRET}", "REFRESH_SECRET_PREVIOUS: must differ from JWT_SECRET"),
        (
            "REFRESH_SECRET_PREVIOUS=short",
            "REFRESH_SECRET_PREVIOUS: shorter than 32 bytes; make one with `jwtapi secrets`",
        ),
        ("TOKEN_CLAIMS=" + "x" * 101, f"TOKEN_CLAIMS: {NO_MEMBER}"),
        ("TOKEN_CLAIMS=a\tb", f"TOKEN_CLAIMS: {NO_MEMBER}"),
        *(
            (f"TOKEN_CLAIMS_NAMESPACE={name}", f"TOKEN_CLAIMS_NAMESPACE: {TAKEN}")
            for name in ("sub", "roles", "active")
        ),
        ("TOKEN_CLAIMS_NAMESPACE=my claims", f"TOKEN_CLAIMS_NAMESPACE: {NO_NAME}"),
        ("TOKEN_CLAIMS_NAMESPACE=" + "x" * 101, f"TOKEN_CLAIMS_NAMESPACE: {NO_NAME}"),
        ("MAX_SESSIONS_PER_USER=0", "MAX_SESSIONS_PER_USER: Input should be greater than or equal to 1"),
        ("ENVIRONMENT=production\nBCRYPT_ROUNDS=9", "BCRYPT_ROUNDS: must be 10 or more in production"),
        ("REFRESH_TOKEN_TTL=100\nSESSION_MAX_AGE=99", "REFRESH_TOKEN_TTL: must not exceed SESSION_MAX_AGE"),
        ("COOKIE_NAME=__Host-r", "COOKIE_NAME: the prefixes __Host- and __Secure- need COOKIE_SECURE=true"),
        ("COOKIE_NAME=a;b", "COOKIE_NAME: String should match pattern '^[A-Za-z0-9_-]{1,64}$'"),
        ("LOGIN_RATE_LIMIT=often", "LOGIN_RATE_LIMIT: must be one limit, such as 10/15 minutes"),
        ("LOGIN_RATE_LIMIT=5/minute;9/hour", "LOGIN_RATE_LIMIT: must be one limit, such as 10/15 minutes"),
        ("LOGIN_RATE_LIMIT=0/minute", "LOGIN_RATE_LIMIT: must be one limit, such as 10/15 minutes"),
        ("ACCOUNT_RATE_LIMIT=x", "ACCOUNT_RATE_LIMIT: must be one limit, such as 10/15 minutes"),
        *(
            (f"{name}={limit}", f"{name}: must be at most 1000000 attempts, within at most 30 days")
            for name in ("LOGIN_RATE_LIMIT", "ACCOUNT_RATE_LIMIT", "REGISTER_RATE_LIMIT", "REFRESH_RATE_LIMIT")
            for limit in ("1000001/minute", "10/31 days", "10/year")
        ),
        (
            "RATE_LIMIT_STORAGE_URI=redis://:pa/ss@h",
            f"RATE_LIMIT_STORAGE_URI: {NOT_ESCAPED}",
        ),
        (
            "RATE_LIMIT_STORAGE_URI=mysql://x",
            "RATE_LIMIT_STORAGE_URI: must be database://, redis://host:port or memory://",
        ),
        (
            "TRUSTED_PROXIES=10.0.0.0/8,proxy",
            "TRUSTED_PROXIES: must be addresses or networks such as 10.0.0.0/8, comma separated",
        ),
        *(
            (
                f"CORS_ORIGINS={origin}",
                "CORS_ORIGINS: must be origins such as https://app.example.com, comma separated; no path, no wildcard",
            )
            for origin in (
                "*",
                "https://*.example.com",
                "https://a.example/",
                "a.example",
                "https://u@a.example",
                "http://[",
                "null",
                "file://",
                "htps://app.example.com",
            )
        ),
        *(
            (
                f"CORS_HEADERS={headers}",
                "CORS_HEADERS: must be names of request headers such as x-tenant, comma separated; no wildcard",
            )
            for headers in ("*", "x-tenant, *", "x tenant", "x-tenant: 1", "ü")
        ),
        *(
            (
                f"ROOT_PATH={path}",
                "ROOT_PATH: must be a path such as /sso: a / before each part, and parts of letters, digits and ._~-",
            )
            for path in (
                "sso",
                "/",
                "/sso/",
                "//sso",
                "/a//b",
                "/a/../b",
                "/.",
                "/sso?x",
                "/a b",
                "/ü",
                "https://a/sso",
            )
        ),
        ("COOKIE_SAMESITE=some", "COOKIE_SAMESITE: Input should be 'strict', 'lax' or 'none'"),
        ("COOKIE_SAMESITE=none", "COOKIE_SAMESITE: none needs COOKIE_SECURE=true, or browsers drop the cookie"),
        (
            "COOKIE_SAMESITE=None\nCOOKIE_SECURE=true",
            "COOKIE_SAMESITE: none is for the pages of CORS_ORIGINS: name at least one origin",
        ),
        *(
            (
                f"COOKIE_DOMAIN={domain}",
                "COOKIE_DOMAIN: must be a domain such as example.com, that this server is in; no address, no port",
            )
            for domain in ("com", "localhost", "10.0.0.1", "https://example.com", "example.com:443", "*.example.com")
        ),
        (
            "COOKIE_DOMAIN=example.com\nCOOKIE_NAME=__Host-r\nCOOKIE_SECURE=true",
            "COOKIE_DOMAIN: a cookie whose name begins with __Host- has no domain; change COOKIE_NAME",
        ),
        *(
            (
                f"DATABASE_URL={url}",
                "DATABASE_URL: must be sqlite:///path/to/file.db or postgresql://user:password@host/name",
            )
            for url in ("jwtapi.db", "mysql://host/name")
        ),
        ("DATABASE_URL=postgresql://u:p@host:abc/name", "DATABASE_URL: has a port that is no number from 1 to 65535"),
        *(
            (
                f"DATABASE_URL={url}",
                "DATABASE_URL: must name a file: an in-memory database loses all users at each start",
            )
            for url in ("sqlite://", "sqlite:///:memory:")
        ),
        *(
            (
                f"{name}={url}",
                f"{name}: {NO_PUBLIC_URL}",
            )
            for name in ("PUBLIC_URL", "ACCOUNT_URL")
            for url in ("auth.example.com", "https://u:p@a.example", "https://a.example/../b", "myapp://a.example")
        ),
        *(
            (settings, "PUBLIC_URL: its path must be ROOT_PATH, and it must have none without ROOT_PATH")
            for settings in (
                "PUBLIC_URL=https://a.example/sso",
                "PUBLIC_URL=https://a.example\nROOT_PATH=/sso",
                "PUBLIC_URL=https://a.example/sso/a\nROOT_PATH=/sso",
                "PUBLIC_URL=https://a.example/SSO\nROOT_PATH=/sso",
            )
        ),
        (
            "MAIL_URL=mail.example.com",
            "MAIL_URL: must be smtps://user:password@host, or smtp:// for a server with STARTTLS",
        ),
        ("MAIL_URL=smtps://u:p@ss@mail.example.com", f"MAIL_URL: {NOT_ESCAPED}"),
        ("MAIL_URL=smtps://mail.example.com", "MAIL_FROM: missing; MAIL_URL needs the address that mails come from"),
        *(
            (
                f"MAIL_FROM={sender}",
                "MAIL_FROM: must be an address such as no-reply@example.com, or Example <no-reply@example.com>",
            )
            for sender in (
                "example.com",
                "@example.com",
                "a@b.example, c@d.example",
                "a@b.example,c@d.example",
                "Example <a@b.example> <c@d.example>",
                "Example <a@b.example",
                "'Example\" <a@b.example>'",
                "'a b@c.example'",
                "a@ex\u00e4mple.com",
                f"{'x' * 65}@example.com",
            )
        ),
        (
            "ENVIRONMENT=production\nMAIL_URL=smtps://mail.example.com\nMAIL_FROM=a@b.example",
            "PUBLIC_URL: missing; links in mails need it, such as https://auth.example.com",
        ),
        (
            "ENVIRONMENT=production\nEMAIL_REQUIRED=true",
            "EMAIL_REQUIRED: needs MAIL_URL, because addresses are verified by mail",
        ),
        ("REGISTRATION=friends", "REGISTRATION: Input should be 'open', 'invite' or 'closed'"),
        ("EMAIL_REQUIRED=often", "EMAIL_REQUIRED: Input should be a valid boolean, unable to interpret input"),
    ),
)
def test_a_bad_setting_is_reported_by_name(env_file: Path, line: str, problem: str) -> None:
    env_file.write_text(env_file.read_text() + line)
    assert problems(env_file) == [problem]


@pytest.mark.parametrize(
    "name",
    (
        *("JWT_SECRET", "PORT", "DATABASE_URL", "ENVIRONMENT", "CORS_ORIGINS", "UNKNOWN"),
        *("PUBLIC_URL", "ACCOUNT_URL", "MAIL_URL", "MAIL_FROM", "REGISTRATION"),
    ),
)
def test_no_error_about_a_setting_repeats_its_value(env_file: Path, name: str) -> None:
    canary = "hunter2-" * 3
    env_file.write_text(f"{env_file.read_text()}{name}={canary}\n")
    with pytest.raises(SettingsError) as error:
        load_settings(env_file)
    assert canary not in repr(error.value)
    assert error.value.__cause__ is None


def test_a_dot_env_that_is_not_utf_8_is_reported(env_file: Path) -> None:
    env_file.write_bytes(b"PORT=\xff\n")
    assert problems(env_file) == [f"{env_file}: not UTF-8"]


def test_a_malformed_line_of_dot_env_is_an_error(env_file: Path) -> None:
    env_file.write_text(env_file.read_text() + "ENVIRONMENT: production\n")
    fault = "not understood; write NAME=value, close each quote, and use no control characters"
    assert problems(env_file) == [f"{env_file}: line 3: {fault}"]


def test_a_byte_order_mark_in_a_named_file_is_not_part_of_the_value(
    env_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "port").write_bytes(b"\xef\xbb\xbf2000\r\n")
    monkeypatch.setenv("PORT_FILE", str(tmp_path / "port"))
    assert load_settings(env_file).port == 2000


@on_sqlite
def test_the_representation_of_settings_shows_no_secret(make_settings: MakeSettings) -> None:
    settings = make_settings(
        database_url="postgresql://jwtapi:hunter2@db/jwtapi",
        rate_limit_storage_uri="redis://:hunter2@redis",
        mail_url="smtps://u:hunter2@mail",
        mail_from="a@b.example",
    )
    assert "hunter2" not in repr(settings)
    assert JWT_SECRET not in str(settings)


@on_sqlite
@pytest.mark.parametrize(
    ("given", "understood"),
    (
        ("sqlite:////data/jwtapi.db", "sqlite+aiosqlite:////data/jwtapi.db"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p@h,[::1]:1/d?keepalives=1", "postgresql+asyncpg://u:p@h,[::1]:1/d"),
        ("postgresql://u:p@h/d?a=b&sslmode=require", "postgresql+asyncpg://u:p@h/d?a=b&sslmode=require"),
    ),
)
def test_a_database_url_need_not_name_the_driver(make_settings: MakeSettings, given: str, understood: str) -> None:
    assert make_settings(database_url=given).database_url.get_secret_value() == understood


@on_sqlite
@pytest.mark.parametrize(
    ("given", "understood"),
    (
        ("redis://:p@h", "redis://:p@h:6379"),
        ("rediss://h/1?protocol=3", "rediss://h:6379/1?protocol=3"),
        ("redis://h:1/2", "redis://h:1/2"),
        ("memory://", "memory://"),
    ),
)
def test_a_redis_uri_without_a_port_has_the_usual_one(make_settings: MakeSettings, given: str, understood: str) -> None:
    assert make_settings(rate_limit_storage_uri=given).rate_limit_storage_uri.get_secret_value() == understood


@on_sqlite
@pytest.mark.parametrize(
    ("given", "understood"),
    (
        ({"public_url": "HTTPS://Auth.Example.com:443/"}, "https://auth.example.com"),
        ({"public_url": "https://example.com/sso/", "root_path": "/sso"}, "https://example.com/sso"),
        ({"root_path": "/sso", "port": 4711}, "http://localhost:4711/sso"),
        ({"host": "192.0.2.1"}, "http://localhost:4000"),
    ),
)
def test_links_are_made_from_public_url_or_else_lead_to_this_machine(
    make_settings: MakeSettings, given: dict[str, Any], understood: str
) -> None:
    assert make_settings(**given).base_url == understood


@on_sqlite
def test_the_origin_of_public_url_has_no_path(make_settings: MakeSettings) -> None:
    settings = make_settings(public_url="https://example.com:8443/sso", root_path="/sso")
    assert settings.public_origin == "https://example.com:8443"
    assert make_settings().public_origin is None


@on_sqlite
@pytest.mark.parametrize(
    ("given", "sends_mail"),
    (
        ({}, True),
        ({"environment": "production"}, False),
        ({"environment": "production", "mail_from": "a@b.example"}, False),
        (
            {
                "environment": "production",
                "mail_url": "smtps://mail.example.com",
                "mail_from": "Example & Sons <a@b.example>",
                "public_url": "https://a.example",
            },
            True,
        ),
    ),
)
def test_in_production_mail_is_sent_only_with_a_mail_url(
    make_settings: MakeSettings,
    given: dict[str, Any],
    sends_mail: bool,  # noqa: FBT001  a value of the table
) -> None:
    assert make_settings(bcrypt_rounds=10, **given).sends_mail is sends_mail


@on_sqlite
def test_settings_with_several_values_are_comma_separated(make_settings: MakeSettings) -> None:
    settings = make_settings(cors_origins="https://a.example, http://localhost:5173,", trusted_proxies="")
    assert settings.cors_origins == ("https://a.example", "http://localhost:5173")
    assert settings.trusted_proxies == ()


@on_sqlite
@pytest.mark.parametrize("address", ("127.0.0.1:9100", "[::1]:9100", "metrics.internal:9100", "unix:/run/m.sock"))
def test_metrics_listen_alone_turns_the_metrics_on_and_away_from_the_port(
    make_settings: MakeSettings, address: str
) -> None:
    settings = make_settings(metrics_listen=address)
    assert (settings.counts_requests, settings.has_metrics_endpoint) == (True, False)
    settings = make_settings(metrics_listen=address, metrics_enabled=True)
    assert (settings.counts_requests, settings.has_metrics_endpoint) == (True, False)


@on_sqlite
@pytest.mark.parametrize(
    "address",
    (
        *("9100", ":9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:9100", "[::1]"),
        *("http://127.0.0.1:9100", "127.0.0.1:9100/", "a@b:9100", "a b:9100", "[zz]:9100", "127.0.0.1:9100,[::1]:9100"),
        *("unix:", "unix:metrics.sock", "/run/m.sock", "unix:/" + "x" * 107),
    ),
)
def test_a_wrong_metrics_listen_is_refused(make_settings: MakeSettings, address: str) -> None:
    with pytest.raises(SettingsError) as error:
        make_settings(metrics_listen=address)
    assert error.value.problems == [
        "METRICS_LISTEN: must be host:port, such as 127.0.0.1:9100 or [::1]:9100, or unix:/path/to/file.sock"
    ]


@on_sqlite
@pytest.mark.parametrize(
    ("host", "place"),
    (
        ("127.0.0.1", "127.0.0.1:4000"),
        ("127.0.0.1", "0.0.0.0:4000"),
        ("127.0.0.1", "localhost:4000"),
        ("::", "[::1]:4000"),
    ),
)
def test_metrics_listen_cannot_be_the_address_of_the_server(make_settings: MakeSettings, host: str, place: str) -> None:
    with pytest.raises(SettingsError, match="METRICS_LISTEN: must differ from HOST and PORT"):
        make_settings(host=host, metrics_listen=place)


@on_sqlite
def test_metrics_listen_can_have_the_port_of_the_server_at_another_address(make_settings: MakeSettings) -> None:
    assert make_settings(host="192.0.2.1", metrics_listen="127.0.0.1:4000").metrics_listen == "127.0.0.1:4000"


@on_sqlite
@pytest.mark.parametrize("path", ("jwtapi.sock", f"/{'x' * 107}"))
def test_uds_must_be_a_whole_path_that_the_kernel_accepts(make_settings: MakeSettings, path: str) -> None:
    with pytest.raises(SettingsError, match="UDS: must be the absolute path of a socket file"):
        make_settings(uds=path)


@on_sqlite
def test_metrics_listen_cannot_be_the_socket_file_of_the_server(make_settings: MakeSettings) -> None:
    with pytest.raises(SettingsError, match="METRICS_LISTEN: must differ from UDS"):
        make_settings(uds="/run/jwtapi.sock", metrics_listen="unix:/run/jwtapi.sock")
    assert make_settings(uds="/run/jwtapi.sock", metrics_listen="127.0.0.1:4000").metrics_listen == "127.0.0.1:4000"


@on_sqlite
def test_trusting_the_peer_on_a_socket_file_needs_a_socket_file(make_settings: MakeSettings) -> None:
    assert make_settings(uds="/run/jwtapi.sock", trusted_proxies="unix").trusted_proxies == ("unix",)
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES: unix needs UDS"):
        make_settings(trusted_proxies="unix, 10.0.0.1")


@on_sqlite
def test_a_collector_is_named_by_its_base_url(make_settings: MakeSettings) -> None:
    assert make_settings().otel_exporter_otlp_endpoint is None
    settings = make_settings(otel_exporter_otlp_endpoint="http://collector:4318/")
    assert settings.otel_exporter_otlp_endpoint == "http://collector:4318"


@pytest.mark.parametrize("variable", ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"))
@pytest.mark.parametrize("headers", ("Authorization: Bearer hunter2", "hunter2", "api-key=1,hunter2", 'k="hunter2"'))
@on_sqlite
def test_malformed_headers_for_the_collector_are_refused_without_repeating_them(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, variable: str, headers: str
) -> None:
    monkeypatch.setenv(variable, headers)
    make_settings()  # nobody reads them
    with pytest.raises(SettingsError, match=f"^{variable}: must be name=value") as refusal:
        make_settings(otel_exporter_otlp_endpoint="http://collector:4318")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "headers", ("", "api-key=a+b/c==", "Authorization=Bearer%20x", "Authorization=Basic x==, X-Scope-OrgID = 1,", "k=")
)
@on_sqlite
def test_headers_for_the_collector_can_have_every_form_that_its_library_accepts(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, headers: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    make_settings(otel_exporter_otlp_endpoint="http://collector:4318")
    parse_env_headers(headers, liberal=True)
    assert caplog.records == []


@on_sqlite
@pytest.mark.parametrize(
    "url", ("collector:4318", "grpc://collector:4317", "http://:1", "http://[", "http://a:b@c:4318")
)
def test_a_wrong_collector_is_refused(make_settings: MakeSettings, url: str) -> None:
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: must be http://host:port") as refusal:
        make_settings(otel_exporter_otlp_endpoint=url)
    assert url not in str(refusal.value)


@on_sqlite
def test_a_collector_without_the_extra_otel_is_refused_with_the_way_to_install_it(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwtapi.settings.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: .*pip install 'jwtapi\[otel\]'$"):
        make_settings(otel_exporter_otlp_endpoint="http://collector:4318")


@on_sqlite
@pytest.mark.parametrize("level", ("debug", "INFO", "Warning", "error"))
def test_a_log_level_may_be_in_capitals(make_settings: MakeSettings, level: str) -> None:
    assert make_settings(log_level=level).log_level == level.lower()


@on_sqlite
def test_a_wrong_log_level_is_refused(make_settings: MakeSettings) -> None:
    with pytest.raises(SettingsError, match=r"^LOG_LEVEL: "):
        make_settings(log_level="verbose")
