"""However an address of a database, of mails or of this server is wrong, a line says so, and repeats no password."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import Result

from jwtapi.settings import Settings
from tests.cli.conftest import Run
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.postgresql import PostgreSQL
from tests.support.redis import OwnRedis, own_redis
from tests.support.rights import as_nobody
from tests.support.server import free_port

ESCAPE = "has a character that must be escaped in a URL: in user and password write @ as %40, "
NO_POSTGRESQL_OR_SQLITE = "must be sqlite:///path/to/file.db or postgresql://user:password@host/name"
NO_STORAGE = "must be database://, redis://host:port or memory://"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.server.serve", lambda _: pytest.fail("it serves"))
    monkeypatch.setenv("JWT_SECRET", JWT_SECRET)
    monkeypatch.setenv("REFRESH_SECRET", REFRESH_SECRET)


@pytest.fixture(scope="module")
def places(postgresql: PostgreSQL) -> Mapping[str, str]:
    """Databases that are there, each with something wrong, and none at NOBODY."""
    role, empty = postgresql.new_role(), postgresql.new_empty_database
    foreign = empty()
    postgresql.execute("CREATE TABLE users (email text)", foreign)
    good = postgresql.new_database()
    return {
        "GOOD": f"{good}{'&' if '?' in good else '?'}",
        "MISSING": good.replace("/test_", "/missing_"),
        "NO_RIGHTS": postgresql.as_role(empty(), role),
        "FOREIGN": foreign,
        "NOBODY": f"127.0.0.1:{free_port()}",
    }


def said_by(result: Result) -> str:
    """What was told, without the heading of settings that are wrong; nothing else was written."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "hunter2" not in result.output
    (line,) = result.output.removeprefix("The configuration is unusable.\n").splitlines()
    return line.strip().removeprefix("✗ ")


URLS = (
    # what libpq's URLs have, and the driver cannot do
    (
        "{GOOD}channel_binding=require",
        "has channel_binding, which is supported only as disable or prefer: leave it out",
    ),
    ("{GOOD}gssencmode=require", "has gssencmode, which is supported only as disable or prefer: leave it out"),
    ("{GOOD}load_balance_hosts=random", "has load_balance_hosts, which is supported only as disable: leave it out"),
    ("{GOOD}client_encoding=latin1", "has client_encoding, which is supported only as "),
    ("{GOOD}require_auth=scram-sha-256", "has require_auth, which is not supported: leave it out"),
    ("{GOOD}hostaddr=192.0.2.1", "has hostaddr, which is not supported: leave it out"),
    (
        "{GOOD}sslmode=hunter2",
        "has an invalid sslmode: it must be allow, disable, prefer, require, verify-ca or verify-full",
    ),
    (
        "{GOOD}target_session_attrs=standby",
        "has an invalid target_session_attrs: it must be any, primary or read-write",
    ),
    ("{GOOD}ssl_min_protocol_version=SSLv3", "has an invalid ssl_min_protocol_version: it must be TLSv1, "),
    ("{GOOD}sslrootcert=system", "has sslrootcert=system, which is not supported: name a file"),
    ("postgresql://u:hunter2@{NOBODY}/d?sslmode=verify-full&sslrootcert=/nowhere/hunter.crt", "FileNotFoundError"),
    ("postgresql://u:hunter2@{NOBODY}/d?sslmode=verify-full", "ClientConfigurationError"),
    # what nobody knows
    ("{GOOD}foo=bar", "UndefinedObjectError"),
    ("{GOOD}pgbouncer=true", "UndefinedObjectError"),
    ("{GOOD}statement_timeout=long", "InvalidParameterValueError"),
    ("{GOOD}options=--nonsense", "PostgresSyntaxError"),
    ("{GOOD}hunter2", "has parameters that are not written as ?name=value&name=value"),
    # passwords with characters that a URL cannot have
    ("postgresql://u:hunter2@hunter2@{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2#hunter2@{NOBODY}/d", ESCAPE),
    ("postgresql://u:12#hunter2@{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2?hunter2@{NOBODY}/d", ESCAPE),
    ("postgresql://u:12?hunter2=x@{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2/hunter2@{NOBODY}/d", ESCAPE),
    ("postgresql://u:12/hunter2@{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2%hunter2@{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2%00@{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2[@{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2 @{NOBODY}/d", ESCAPE),
    ("postgresql://u:hunter2@{NOBODY}/d\r", ESCAPE),
    # hosts and ports
    ("postgresql://u:hunter2@host:hunter2/d", "has a port that is no number from 1 to 65535"),
    ("postgresql://u:hunter2@host:65536/d", "has a port that is no number from 1 to 65535"),
    ("postgresql://u:hunter2@one,two:0/d", "has a port that is no number from 1 to 65535"),
    ("postgresql://u:hunter2@/d?host=one&port=five", "has a port that is no number from 1 to 65535"),
    ("postgresql://u:hunter2@/d?host=one,two,three&port=1,2", "must have one port, or as many ports as hosts"),
    ("postgresql://u:hunter2@one,,two/d", "has no valid host"),
    ("postgresql://u:hunter2@/d?host=one,,two", "has no valid host"),
    ("postgresql://u:hunter2@::1/d", "an IPv6 address is written as [::1]"),
    ("postgresql://u:hunter2@no-such-host.invalid/d", "gaierror"),
    ("postgresql://u:hunter2@no..host/d", "OSError"),
    ("postgresql://u:hunter2@{NOBODY}/d", "ConnectionRefusedError"),
    ("postgresql://u:hunter2@{NOBODY},{NOBODY}/d", ""),
    # databases
    ("{MISSING}", "InvalidCatalogNameError"),
    ("{FOREIGN}", "has tables of these names that jwtapi did not make: users. "),
    ("mysql://u:hunter2@{NOBODY}/d", NO_POSTGRESQL_OR_SQLITE),
    ("postgresql+psycopg://u:hunter2@{NOBODY}/d", NO_POSTGRESQL_OR_SQLITE),
    ("redis://:hunter2@{NOBODY}", NO_POSTGRESQL_OR_SQLITE),
    # files
    ("sqlite://hunter2.db", "must have three slashes before a relative path"),
    ("sqlite:///:memory:", "must name a file: "),
    ("sqlite:///there.db?timeout=hunter2", "must have no parameters with SQLite"),
    ("sqlite:///folder", "IsADirectoryError"),
    ("sqlite:///text.db", ""),
    ("sqlite:///foreign.db", "has tables of these names that jwtapi did not make: users. "),
    ("sqlite:///text.db/there.db", ""),
    (f"sqlite:///{'x' * 300}.db", ""),
)


@pytest.fixture
def files(folder: Path) -> None:
    (folder / "folder").mkdir()
    (folder / "text.db").write_text("This is no database. " * 100)
    (folder / "foreign.db").touch()
    with sqlite3.connect(folder / "foreign.db") as database:
        database.execute("CREATE TABLE users (email TEXT)")
    database.close()
    for name in ("text.db", "foreign.db"):
        (folder / name).chmod(0o600)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("url", "complaint"), URLS)
def test_a_wrong_database_url_is_reported_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, places: Mapping[str, str], url: str, complaint: str
) -> None:
    url = url.format_map(places)
    monkeypatch.setenv("DATABASE_URL", url)
    for words in (("serve",), ("migrate",), ("doctor",), ("user", "list"), ("sessions", "prune")):
        said = said_by(run(*words))
        assert said.startswith("DATABASE_URL: ")
        assert complaint in said
    for side, urls in (("FROM", (url, "sqlite:///to.db")), ("TO", ("sqlite:///from.db", url))):
        run_with(run, monkeypatch, "sqlite:///from.db")
        said = said_by(run("db", "copy", *urls))
        assert said.startswith((f"{side} ", f"{side}: "))
        assert complaint in said


def run_with(run: Run, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make a database to copy from."""
    with monkeypatch.context() as environment:
        environment.setenv("DATABASE_URL", url)
        assert run("migrate").exit_code == 0


def test_a_database_role_that_cannot_create_tables_is_reported(
    run: Run, monkeypatch: pytest.MonkeyPatch, places: Mapping[str, str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", places["NO_RIGHTS"])
    for word in ("serve", "migrate"):
        assert said_by(run(word)) == (
            "DATABASE_URL: The database could not be migrated, and was not changed: InsufficientPrivilegeError: "
            "permission denied for schema public. GRANT the role of DATABASE_URL what is missing."
        )
    for words in (("user", "list"), ("doctor",)):
        assert "run `jwtapi migrate`" in said_by(run(*words)).replace("the next start or", "run")


def test_a_read_only_folder_of_the_database_is_reported(
    run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///closed/there.db")
    (folder / "closed").mkdir(mode=0o555)
    folder.chmod(0o755)
    for words in (("serve",), ("migrate",), ("doctor",), ("user", "list")):
        with as_nobody():
            assert said_by(run(*words)).startswith("DATABASE_URL: ")


@pytest.mark.parametrize(
    "parameters",
    (
        "sslmode=prefer&connect_timeout=10&application_name=ours&target_session_attrs=read-write",
        "channel_binding=prefer&gssencmode=disable&client_encoding=utf8&load_balance_hosts=disable&sslsni=1",
        "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=9000",
        "options=-c%20statement_timeout%3D9s&search_path=public&fallback_application_name=x&sslcompression=0",
    ),
)
def test_a_database_url_with_the_parameters_of_libpq_works(
    run: Run, monkeypatch: pytest.MonkeyPatch, places: Mapping[str, str], parameters: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{places['GOOD']}{parameters}")
    assert run("doctor").output == "✓ Nothing is wrong.\n"


def test_a_database_url_of_several_hosts_works_if_one_answers(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    here = postgresql.new_database()
    if "host=" not in here:
        pytest.skip("it is known by one host")
    folder = here.partition("host=")[2]
    database = here.rpartition("/")[2].partition("?")[0]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres@{folder},127.0.0.1:{free_port()}/{database}")
    assert run("doctor").output == "✓ Nothing is wrong.\n"


URIS = (
    ("redis://:hunter2@host?foo=hunter2", "has a parameter that is not supported; redis:// supports client_name, db, "),
    ("redis://:hunter2@host?ssl_cert_reqs=none", "has a parameter that is not supported; redis:// supports "),
    ("rediss://:hunter2@host?ssl_cert_reqs=hunter2", "has an invalid value for ssl_cert_reqs"),
    ("redis://host?retry=hunter2", "has a parameter that is not supported; redis:// supports "),
    ("redis://host?socket_timeout=hunter2", "has an invalid value for socket_timeout"),
    ("redis://host?protocol=9", "has an invalid value for protocol"),
    ("redis://host/hunter2", "must have nothing or the number of a database after the host"),
    ("redis://:hunter2@hunter2@host", ESCAPE),
    ("redis://:hunter2/hunter2@host", ESCAPE),
    ("redis://:12?hunter2@host", ESCAPE),
    ("redis://:12#hunter2@host", ESCAPE),
    ("redis://:hunter2%@host", ESCAPE),
    ("redis://:hunter2@host:hunter2", "has a port that is no number from 1 to 65535"),
    ("redis://:hunter2@one,two", f"{NO_STORAGE}: name one host, "),
    ("redis+cluster://:hunter2@host", NO_STORAGE),
    ("postgresql://u:hunter2@host/d", NO_STORAGE),
    ("hunter2", NO_STORAGE),
)


@pytest.mark.parametrize(("uri", "complaint"), URIS)
def test_a_wrong_rate_limit_storage_uri_is_reported_at_the_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, uri: str, complaint: str
) -> None:
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URI", uri)
    for words in (("serve",), ("migrate",), ("doctor",), ("user", "list")):
        assert said_by(run(*words)).startswith(f"RATE_LIMIT_STORAGE_URI: {complaint}")


@pytest.fixture(scope="module")
def redis_with_password() -> Iterator[OwnRedis]:
    with own_redis() as redis:
        redis.ask_for_password("hunter2")
        yield redis


@pytest.mark.parametrize(
    ("user", "path", "complaint"),
    (
        ("", "", "Authentication required"),
        (":hunter2wrong@", "", "invalid username-password pair or user is disabled"),
        (":hunter2@", "/99", "DB index is out of range"),
    ),
)
def test_a_redis_that_refuses_the_credentials_or_the_database_number_is_reported_at_the_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, redis_with_password: OwnRedis, user: str, path: str, complaint: str
) -> None:
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URI", redis_with_password.uri.replace("//", f"//{user}") + path)
    for words in (("serve",), ("doctor",)):
        assert said_by(run(*words)) == (
            f"RATE_LIMIT_STORAGE_URI: Redis refuses: {complaint}: "
            "correct the user, the password or the number of the database"
        )


def test_a_server_starts_although_redis_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("jwtapi.server.serve", served.append)
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URI", f"redis://127.0.0.1:{free_port()}")
    assert run("serve").exit_code == 0
    assert len(served) == 1


def test_a_rate_limit_storage_uri_with_the_parameters_of_redis_works(
    run: Run, monkeypatch: pytest.MonkeyPatch, redis_with_password: OwnRedis
) -> None:
    parameters = "client_name=x&protocol=2&socket_timeout=0.5&socket_keepalive=yes&health_check_interval=3&timeout=1"
    uri = redis_with_password.uri.replace("//", "//default:hunter2@")
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URI", f"{uri}/1?{parameters}&max_connections=5&retry_on_timeout=no")
    assert run("doctor").output == "✓ Nothing is wrong.\n"


ADDRESSES = (
    ("MAIL_URL", "smtps://u:hunter2@hunter2@host", ESCAPE),
    ("MAIL_URL", "smtps://u:hunter2#hunter2@host", ESCAPE),
    ("MAIL_URL", "smtps://hunter2@host", "must have both a user and a password, or neither"),
    ("MAIL_URL", "smtps://u:hunter2@host:hunter2", "has a port that is no number from 1 to 65535"),
    ("MAIL_URL", "smtps://u:hunter2@host/hunter2", "must have nothing after the host and the port"),
    ("MAIL_URL", "https://u:hunter2@host", "must be smtps://user:password@host, or smtp:// for a server with STARTTLS"),
    ("PUBLIC_URL", "https://u:hunter2@host", "must be a URL such as https://auth.example.com"),
    ("PUBLIC_URL", "https://host/?hunter2", "must be a URL such as https://auth.example.com"),
    ("PUBLIC_URL", "https://host/hunter2", "its path must be ROOT_PATH"),
    ("ACCOUNT_URL", "host/hunter2", "must be a URL such as https://auth.example.com"),
)


@pytest.mark.parametrize(("variable", "url", "complaint"), ADDRESSES)
def test_a_wrong_address_of_mails_or_of_this_server_is_reported_at_the_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, url: str, complaint: str
) -> None:
    monkeypatch.setenv(variable, url)
    monkeypatch.setenv("MAIL_FROM", "no-reply@example.com")
    for words in (("serve",), ("migrate",), ("doctor",), ("user", "list")):
        assert said_by(run(*words)).startswith(f"{variable}: {complaint}")
