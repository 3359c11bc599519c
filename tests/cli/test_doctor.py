import shutil
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jwtapi.secret_strength import new_secret
from tests.cli.conftest import Run
from tests.cli.test_reset_mfa import all_factors, with_api
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.postgresql import PostgreSQL
from tests.support.rights import as_nobody, folder_for_all
from tests.support.server import free_port, running_server
from tests.support.smtp import Mailbox

OPENSSL = shutil.which("openssl") or ""
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  what is looked for


@pytest.fixture(autouse=True)
def configuration(folder: Path) -> Path:
    env_file = folder / ".env"
    env_file.touch(mode=0o600)
    env_file.write_text(f"JWT_SECRET={JWT_SECRET}\nREFRESH_SECRET={REFRESH_SECRET}\n")
    return env_file


def test_the_doctor_finds_nothing_wrong_with_a_sound_configuration(run: Run) -> None:
    run("migrate")
    result = run("doctor")
    assert (result.exit_code, result.stdout) == (0, "✓ Nothing is wrong.\n")


def test_the_doctor_creates_no_file(run: Run, folder: Path) -> None:
    run("doctor")
    assert [path.name for path in folder.iterdir()] == [".env"]


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    (
        ("COOKIE_SECURE", "false", "COOKIE_SECURE is false in production"),
        ("RATE_LIMIT_ENABLED", "false", "RATE_LIMIT_ENABLED is false in production"),
        ("PASSWORD_BLOCKLIST", "false", "PASSWORD_BLOCKLIST is false in production"),
        ("DOCS_ENABLED", "true", "DOCS_ENABLED is true in production"),
        ("CORS_ORIGINS", "http://app.example", "CORS_ORIGINS has an http:// origin in production"),
        ("TRUSTED_PROXIES", "::/0", "TRUSTED_PROXIES trusts the whole Internet"),
        ("TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1", "TRUSTED_PROXIES trusts the whole Internet"),
        ("TRUSTED_PROXIES", "::ffff:0:0/97,128.0.0.0/2,192.0.0.0/3", "TRUSTED_PROXIES trusts the whole Internet"),
        ("TRUSTED_PROXIES", "2000::/3", "TRUSTED_PROXIES trusts the whole Internet"),
        ("TRUSTED_PROXIES", "::/1", "TRUSTED_PROXIES trusts the whole Internet"),
        # every second /9, of which no two are one
        ("TRUSTED_PROXIES", ",".join(f"{n}.0.0.0/9" for n in range(256)), "TRUSTED_PROXIES trusts the whole Internet"),
        ("HOST", EVERY_ADDRESS, "HOST is 0.0.0.0 and TRUSTED_PROXIES is empty in production"),
        ("HOST", "::", "HOST is :: and TRUSTED_PROXIES is empty in production"),
        ("HOST", "192.0.2.1", "HOST is 192.0.2.1 and TRUSTED_PROXIES is empty in production"),
        ("ACCESS_TOKEN_TTL", "3601", "ACCESS_TOKEN_TTL is over an hour"),
        ("PORT", "eighty", "PORT: Input should be a valid integer"),
    ),
)
def test_the_doctor_reports_unwise_and_wrong_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, complaint: str
) -> None:
    run("migrate")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BCRYPT_ROUNDS", "12")
    assert run("doctor").exit_code == 0
    monkeypatch.setenv(variable, value)
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"✗ {complaint}")
    assert result.stdout.count("✗") == (2 if value == "192.0.2.1" else 1)  # it is no address of this machine


@pytest.mark.parametrize(
    ("settings", "complaint"),
    (
        ({"CORS_ORIGINS": "capacitor://localhost"}, "CORS_ORIGINS has capacitor://localhost: the pages inside an app"),
        (
            {"CORS_ORIGINS": "https://app.example.com,https://shop.example.org", "COOKIE_SAMESITE": "lax"},
            "CORS_ORIGINS has https://app.example.com and https://shop.example.org, two sites, and this server",
        ),
        (
            {"CORS_ORIGINS": "https://app.example.org", "COOKIE_DOMAIN": "example.com"},
            "CORS_ORIGINS has https://app.example.org, which is not on the site of COOKIE_DOMAIN",
        ),
    ),
)
def test_the_doctor_reports_an_origin_that_cannot_have_the_cookies(
    run: Run, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], complaint: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    problem = only_problem(run)
    assert problem.startswith(complaint)
    assert "COOKIE_SAMESITE=none" in problem
    monkeypatch.setenv("COOKIE_SAMESITE", "none")
    monkeypatch.setenv("COOKIE_SECURE", "true")
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"


MAIL = {"MAIL_URL": "smtp://127.0.0.1:{port}", "MAIL_FROM": "no-reply@example.com"}
PRODUCTION = {"ENVIRONMENT": "production", "BCRYPT_ROUNDS": "12"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    (
        (PRODUCTION | MAIL, "PUBLIC_URL: missing; links in mails need it"),
        ({"MAIL_URL": "smtps://mail.example.com"}, "MAIL_FROM: missing; MAIL_URL needs the address"),
        (MAIL, "PUBLIC_URL is missing: links in mails lead to http://localhost:"),
        (PRODUCTION | {"MAIL_FROM": MAIL["MAIL_FROM"]}, "MAIL_URL is missing: this server sends no mail"),
        (
            MAIL | {"PUBLIC_URL": "https://auth.example.com", "ACCOUNT_PAGE_ENABLED": "false", "COOKIE_SECURE": "true"},
            "ACCOUNT_PAGE_ENABLED is false and ACCOUNT_URL is missing",
        ),
        (PRODUCTION | {"PUBLIC_URL": "https://192.0.2.1"}, "PUBLIC_URL has an IP address: "),
        (PRODUCTION | {"PUBLIC_URL": "https://[2001:db8::1]"}, "PUBLIC_URL has an IP address: "),
        ({"PUBLIC_URL": "http://192.0.2.1"}, "PUBLIC_URL has an IP address: "),
        (PRODUCTION | {"PUBLIC_URL": "https://localhost"}, "PUBLIC_URL names this machine, so nobody else"),
        (PRODUCTION | {"ACCOUNT_URL": "http://app.example.com"}, "ACCOUNT_URL is http:// in production"),
        (
            {"PUBLIC_URL": "http://auth.example.com", "COOKIE_SECURE": "true"},
            "COOKIE_SECURE is true and PUBLIC_URL is http://, so browsers drop the cookies",
        ),
        ({"PUBLIC_URL": "https://auth.example.com"}, "COOKIE_SECURE is false and PUBLIC_URL is https://"),
        (
            {"PUBLIC_URL": "http://auth.example.com", "COOKIE_DOMAIN": "ample.com"},
            "COOKIE_DOMAIN does not have the host of PUBLIC_URL",
        ),
        (
            {"PUBLIC_URL": "http://auth.example.com", "ACCOUNT_URL": "http://app.example.com/me"},
            "CORS_ORIGINS does not have http://app.example.com, the origin of ACCOUNT_URL",
        ),
        (
            {"PUBLIC_URL": "http://auth.example.com", "CORS_ORIGINS": "http://app.example.org"},
            "CORS_ORIGINS has http://app.example.org, which is not on the site of PUBLIC_URL",
        ),
    ),
)
def test_the_doctor_reports_links_that_people_cannot_open_and_settings_that_contradict_them(
    run: Run, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, settings: dict[str, str], complaint: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value.replace("{port}", str(mailbox.port)))
    assert only_problem(run).startswith(complaint)


@pytest.mark.parametrize(
    "settings",
    (
        PRODUCTION | MAIL | {"PUBLIC_URL": "https://auth.example.com", "COOKIE_DOMAIN": "example.com"},
        PRODUCTION | MAIL | {"PUBLIC_URL": "https://example.com/sso", "ROOT_PATH": "/sso"},
        PRODUCTION
        | {
            "PUBLIC_URL": "https://auth.example.com",
            "ACCOUNT_URL": "https://app.example.com/me",
            "CORS_ORIGINS": "https://app.example.com",
        },
        {"PUBLIC_URL": "http://localhost:4000", "ACCOUNT_URL": "http://localhost:4000/me"},
        {"PUBLIC_URL": "http://localhost:4000", "COOKIE_SECURE": "true"},
    ),
)
def test_the_doctor_accepts_links_that_people_can_open(
    run: Run, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value.replace("{port}", str(mailbox.port)))
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"


@pytest.mark.parametrize(
    "origins",
    (
        "https://app.example.com,https://shop.example.com",
        "https://a.co.uk,https://b.co.uk",
        "http://localhost:3000,http://127.0.0.1:3000,https://app.example.com",
        "http://192.168.1.2:3000",
        "chrome-extension://abcdefghijklmnop,https://app.example.com",
    ),
)
def test_the_doctor_accepts_an_origin_that_can_have_the_cookies(
    run: Run, monkeypatch: pytest.MonkeyPatch, origins: str
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", origins)
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"


def test_the_doctor_reports_a_python_with_known_holes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("migrate")
    monkeypatch.setattr("jwtapi.interpreter.RUNNING", (3, 11, 7))
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith("✗ Python 3.11.7 has known vulnerabilities")
    assert result.stdout.count("\n") == 1


def test_the_doctor_reports_too_low_a_limit_of_open_files(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("migrate")
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 1024))
    assert only_problem(run) == (
        "RLIMIT_NOFILE: a worker needs 4096 open files, and is allowed 1024: "
        "raise the hard limit (LimitNOFILE= of systemd, --ulimit nofile= of Docker)"
    )
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, -1))
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"


def test_the_doctor_reports_a_dot_env_that_others_can_read(run: Run, configuration: Path) -> None:
    run("migrate")
    configuration.chmod(0o644)
    assert run("doctor").stdout == "✗ .env can be read by other users of this machine: chmod 600 .env\n"


def test_the_doctor_accepts_an_sqlite_file_without_the_schema(run: Run, folder: Path) -> None:
    (folder / "jwtapi.db").touch(mode=0o600)
    assert run("doctor").exit_code == 0


def test_the_doctor_reports_a_postgresql_database_without_the_schema(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgresql.new_empty_database())
    assert "`jwtapi migrate`" in run("doctor").stdout
    run("migrate")
    assert run("doctor").exit_code == 0


def test_the_doctor_reports_a_database_and_a_redis_that_do_not_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d")
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URI", f"redis://:hunter2@127.0.0.1:{free_port()}")
    result = run("doctor")
    reason = "ConnectionRefusedError: Connection refused."
    assert result.stdout.splitlines() == [
        f"✗ DATABASE_URL: the database does not answer: {reason} Is it running, at the host and port of DATABASE_URL?",
        "✗ RATE_LIMIT_STORAGE_URI: Redis does not answer",
    ]


@pytest.mark.parametrize(
    "networks", ("10.0.0.0/8,172.16.0.0/12", "fc00::/7", "::1", "10.0.0.0/9,10.128.0.0/9", "1.2.3.4")
)
def test_the_doctor_accepts_a_network_of_proxies(run: Run, monkeypatch: pytest.MonkeyPatch, networks: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", networks)
    monkeypatch.setenv("HOST", EVERY_ADDRESS)
    assert run("doctor").exit_code == 0


def only_problem(run: Run) -> str:
    result = run("doctor")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if not line.startswith("•")]
    return line.removeprefix("✗ ")


def test_the_doctor_reports_several_workers_with_limits_in_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URI", "memory://")
    assert run("doctor").exit_code == 0
    monkeypatch.setenv("WORKERS", "2")
    assert only_problem(run).startswith("RATE_LIMIT_STORAGE_URI is memory:// with 2 workers: ")


def test_the_doctor_reports_a_port_in_use(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        assert only_problem(run).startswith(f"PORT: another program listens on 127.0.0.1:{port}: ")


@pytest.mark.parametrize("host", ("127.0.0.1", EVERY_ADDRESS, "localhost"))
def test_the_doctor_accepts_a_port_used_by_a_server_with_this_configuration(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with running_server(folder, HOST=host) as server:
        monkeypatch.setenv("HOST", host)
        monkeypatch.setenv("PORT", str(server.port))
        (folder / "server.log").chmod(0o600)
        assert run("doctor").stdout == "✓ Nothing is wrong.\n"
        # Browsers have no passkeys for an IP address.
        assert f'"docs": "http://localhost:{server.port}/docs"' in server.log.read_text()


@pytest.mark.parametrize(
    ("settings", "note"),
    (
        ({"PUBLIC_URL": "http://127.0.0.1:4000"}, "PUBLIC_URL has an IP address, for which browsers have no passkeys"),
        ({"PUBLIC_URL": "http://auth.example.com"}, "PUBLIC_URL is http://, for which browsers have no passkeys"),
    ),
)
def test_the_doctor_notes_an_address_for_which_browsers_have_no_passkeys(
    run: Run, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], note: str
) -> None:
    assert "passkeys" not in run("doctor").stdout
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    result = run("doctor")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"• {note}")


def test_the_doctor_counts_who_lacks_a_second_factor_that_is_required(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFA_REQUIRED", "all")
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"  # there is no database yet
    for name, role in (("alice", "admin"), ("bob", 'not "admin"'), ("carol", "administrator"), ("dave", "staff")):
        run("user", "create", name, "--role", role, stdin=f"{PASSWORD}\n")
    run("user", "disable", "dave")
    monkeypatch.setenv("MFA_GRACE", "60")
    assert run("doctor").stdout.startswith(
        "• MFA_REQUIRED: users without a second factor: 3: the password alone signs them in until 60 seconds ("
    )
    monkeypatch.setenv("MFA_GRACE", "0")
    assert ": 3: they must set one up to sign in (MFA_GRACE=0)\n" in run("doctor").stdout
    monkeypatch.setenv("MFA_REQUIRED", "admins")
    assert run("doctor").stdout.startswith("• MFA_REQUIRED: administrators without a second factor: 1: ")
    with sqlite3.connect(folder / "jwtapi.db") as database:
        database.execute("UPDATE users SET second_factor_since = created_at WHERE username = 'alice'")
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"


def test_the_doctor_counts_authenticator_apps_whose_secrets_are_lost(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_api(folder, all_factors)
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"
    monkeypatch.setenv("REFRESH_SECRET", new_secret())
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith("✗ REFRESH_SECRET does not decrypt the secrets of 1 authenticator apps: ")
    monkeypatch.setenv("REFRESH_SECRET_PREVIOUS", REFRESH_SECRET)
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"


def test_the_doctor_reports_a_domain_of_passkeys_that_does_not_fit_the_address_and_what_else_is_wrong(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("migrate")
    for name, value in {"PASSKEY_RP_ID": "example.net", "PUBLIC_URL": "https://auth.example.com"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACCESS_TOKEN_TTL", "7200")
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.count("✗ PASSKEY_RP_ID: must be auth.example.com, the host of PUBLIC_URL, or a domain") == 1
    assert "✗ ACCESS_TOKEN_TTL is over an hour" in result.stdout
    monkeypatch.setenv("PASSKEY_RP_ID", "example.com")
    assert "PASSKEY_RP_ID" not in run("doctor").stdout


def test_the_doctor_reports_an_address_of_another_machine_even_if_a_server_answers_there(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "192.0.2.1")
    monkeypatch.setattr("jwtapi.cli.checks.address.is_jwtapi", lambda *_: True)
    assert only_problem(run).startswith("HOST: 192.0.2.1 is not an address of this machine: ")


def test_the_doctor_reports_a_port_for_metrics_in_use(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("METRICS_LISTEN", f"127.0.0.1:{other.getsockname()[1]}")
        assert only_problem(run) == "METRICS_LISTEN: cannot listen there: Address already in use"


@pytest.mark.parametrize("name", ("..", "x" * 70))
def test_the_doctor_reports_a_host_for_metrics_that_does_not_resolve(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("METRICS_LISTEN", f"{name}:9100")
    assert only_problem(run).startswith("METRICS_LISTEN: cannot listen there: ")


def test_the_doctor_accepts_the_metrics_of_a_running_server(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"unix:{folder / 'metrics.sock'}"
    monkeypatch.setenv("METRICS_LISTEN", place)
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"
    with running_server(folder, METRICS_LISTEN=place) as server:
        monkeypatch.setenv("PORT", str(server.port))
        (folder / "server.log").chmod(0o600)
        assert run("doctor").stdout == "✓ Nothing is wrong.\n"
        assert (folder / "metrics.sock").is_socket()


@pytest.mark.parametrize("kind", ("sqlite", "postgresql"))
def test_the_doctor_counts_users_with_unknown_password_hashes_by_scheme(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    server: PostgreSQL | None = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    url = server.new_database() if server is not None else "sqlite:///jwtapi.db"
    monkeypatch.setenv("DATABASE_URL", url)
    hashes = {
        "ours": "",
        "php": "$2y$12$" + "x" * 53,
        "spring": "{bcrypt}$2a$10$" + "x" * 53,
        "django": "bcrypt_sha256$$2b$12$" + "x" * 53,
        "trimmed": "\t$2b$12$" + "x" * 53,
        "old": "$2x$12$" + "x" * 53,
        "costly": "$2b$17$" + "x" * 53,
        "argon": f"$argon2id$v=19$m=65536,t=3,p=4${'x' * 22}${'A' * 43}",
        "memory": f"$argon2id$v=19$m=102401,t=3,p=4${'x' * 22}${'A' * 43}",
        "argon2d": f"$argon2d$v=19$m=65536,t=3,p=4${'x' * 22}${'A' * 43}",
        "werkzeug": f"scrypt:32768:8:1$x${'a' * 128}",
        "cut": "scrypt:32768:8:1$x$x",
        "other": "hunter2",
        "another": "a_b%",
    }
    for name in hashes:
        assert run("user", "create", name, stdin=f"{PASSWORD}\n").exit_code == 0
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"
    for name, stored in hashes.items():
        statement = f"UPDATE users SET password_hash = '{stored}' WHERE username = '{name}'"  # noqa: S608
        if not stored:
            continue
        if server is not None:
            server.execute(statement, url)
        else:
            with sqlite3.connect(folder / "jwtapi.db") as database:
                database.execute(statement)
            database.close()
    assert only_problem(run) == (
        "users with a password hash that cannot be checked: 7 (another: 2, argon2: 1, damaged or too costly argon2: "
        "1, damaged or too costly bcrypt: 2, damaged or too costly scrypt: 1): "
        "set new passwords with `jwtapi user set-password`"
    )


@pytest.mark.parametrize("kind", ("sqlite", "postgresql"))
def test_the_doctor_counts_users_whose_name_could_be_an_address(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    server: PostgreSQL | None = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    url = server.new_database() if server is not None else "sqlite:///jwtapi.db"
    monkeypatch.setenv("DATABASE_URL", url)
    for name in ("alice", "bob", "carol"):
        assert run("user", "create", name, stdin=f"{PASSWORD}\n").exit_code == 0
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"
    address = "username || '@example.com'"
    statement = f"UPDATE users SET username = {address}, canonical_username = {address} WHERE username <> 'bob'"  # noqa: S608
    if server is not None:
        server.execute(statement, url)
    else:
        with sqlite3.connect(folder / "jwtapi.db") as database:
            database.execute(statement)
        database.close()
    assert only_problem(run).startswith("users with @ in their name: 2: they sign in as before until somebody verifies")


@pytest.mark.parametrize(
    ("host", "complaint"),
    (
        ("192.0.2.1", "HOST: 192.0.2.1 is not an address of this machine: "),
        ("no-such-host.invalid", "HOST: no-such-host.invalid is not an address, and looking it up as a name failed: "),
        ("..", "HOST: .. is not an address, and looking it up as a name failed: "),
    ),
)
def test_the_doctor_reports_a_host_that_cannot_be_listened_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, host: str, complaint: str
) -> None:
    monkeypatch.setenv("HOST", host)
    assert only_problem(run).startswith(complaint)


@pytest.mark.parametrize("last", ("2", ""))
def test_the_doctor_reports_a_name_that_dot_env_has_twice(run: Run, configuration: Path, last: str) -> None:
    configuration.write_text(configuration.read_text() + f"WORKERS=1\nWORKERS={last}\n")
    assert only_problem(run) == ".env: WORKERS is set on the lines 3, 4, and only the last counts: delete the others"


def test_the_doctor_reports_a_deleted_working_directory(run: Run, configuration: Path) -> None:
    configuration.unlink()
    configuration.parent.rmdir()
    assert only_problem(run) == "the working directory: No such file or directory; change to one that exists"


def test_the_doctor_reports_a_dot_env_that_is_a_broken_link(run: Run, configuration: Path) -> None:
    configuration.rename(configuration.with_name("kept"))
    configuration.symlink_to("gone")
    assert only_problem(run) == ".env: is a link to a file that does not exist"


def test_the_doctor_reports_a_database_that_others_can_read(run: Run, folder: Path) -> None:
    run("migrate")
    (folder / "jwtapi.db").chmod(0o644)
    assert only_problem(run) == "jwtapi.db can be read by other users of this machine: chmod 600 jwtapi.db"


@pytest.mark.parametrize("end", ("-wal", "-shm"))
def test_the_doctor_reports_files_beside_the_database_that_others_can_read(run: Run, folder: Path, end: str) -> None:
    run("migrate")
    with sqlite3.connect(folder / "jwtapi.db") as database:
        database.execute("PRAGMA user_version")  # makes both, and as long as it is open they stay
        (folder / f"jwtapi.db{end}").chmod(0o644)
        assert f"✗ jwtapi.db{end} can be read by other users of this machine: " in run("doctor").stdout
    database.close()


def test_the_doctor_reports_a_folder_in_which_others_can_replace_the_database(run: Run, folder: Path) -> None:
    run("migrate")
    folder.chmod(0o777)
    assert only_problem(run) == (
        f"{folder} is a folder in which any user of this machine can replace the database: chmod o-w {folder}"
    )
    folder.chmod(0o1777)
    assert run("doctor").exit_code == 0


def test_the_doctor_reports_a_folder_that_cannot_be_written_to(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", JWT_SECRET)
    monkeypatch.setenv("REFRESH_SECRET", REFRESH_SECRET)
    with folder_for_all() as closed, monkeypatch.context() as there:
        there.chdir(closed)
        closed.chmod(0o555)
        with as_nobody():
            assert only_problem(run).startswith(f"DATABASE_URL: {closed} is a folder that this user cannot write to: ")
        closed.chmod(0o777)
        with as_nobody():
            assert run("doctor").exit_code == 0
    monkeypatch.setenv("DATABASE_URL", "sqlite:///.env/jwtapi.db")
    assert only_problem(run) == f"DATABASE_URL: {folder}/.env is not a folder: choose another file"


def test_the_doctor_reports_tables_of_other_programs(run: Run, folder: Path) -> None:
    (folder / "jwtapi.db").touch(mode=0o600)
    with sqlite3.connect(folder / "jwtapi.db") as database:
        database.execute("CREATE TABLE users (email TEXT)")
    database.close()
    assert only_problem(run).startswith(
        "DATABASE_URL: The database has tables of these names that jwtapi did not make: "
    )


@pytest.mark.parametrize(
    ("statement", "complaint"),
    (
        (
            "DROP TABLE sessions",
            "refuses: OperationalError: no such table: sessions. Restore the database from a backup.",
        ),
        (
            "ALTER TABLE users DROP COLUMN roles",
            "refuses: OperationalError: table users has no column named roles. Restore",
        ),
        ("UPDATE jwtapi_schema_version SET version_num = '9999'", "a later version of jwtapi has migrated it: install"),
        (
            "UPDATE jwtapi_schema_version SET version_num = 'abc'",
            "has the revision 'abc', which belongs to no version of jwtapi",
        ),
    ),
)
def test_the_doctor_reports_changes_of_the_schema(run: Run, folder: Path, statement: str, complaint: str) -> None:
    run("migrate")
    with sqlite3.connect(folder / "jwtapi.db") as database:
        database.execute(statement)
    database.close()
    assert complaint in only_problem(run)


@pytest.mark.parametrize(
    ("statement", "complaint"),
    (
        (
            "REVOKE INSERT ON sessions FROM {role}",
            "permission denied for table sessions. GRANT the role",
        ),
        ("REVOKE DELETE ON events FROM {role}", "permission denied for table events. GRANT the role"),
        ("ALTER ROLE {role} SET default_transaction_read_only = on", "in a read-only transaction. It is a standby or"),
        ("ALTER ROLE {role} CONNECTION LIMIT 32", "WORKERS: 3 need up to 33 connections, and the database has 32: "),
        (
            "ALTER ROLE {role} SET search_path = nowhere",
            "the database has no schema, or an earlier one: the next start",
        ),
    ),
)
def test_the_doctor_reports_what_would_make_logins_fail_on_postgresql(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL, statement: str, complaint: str
) -> None:
    url, role = postgresql.new_database(), postgresql.new_role()
    for kind in ("TABLES", "SEQUENCES"):
        postgresql.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {role}", url)
    monkeypatch.setenv("DATABASE_URL", postgresql.as_role(url, role))
    monkeypatch.setenv("WORKERS", "3")
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"
    postgresql.execute(statement.format(role=role), url)
    assert complaint in only_problem(run)


def test_the_doctor_counts_fewer_connections_for_a_smaller_pool(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    url, role = postgresql.new_database(), postgresql.new_role()
    postgresql.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", url)
    postgresql.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}", url)
    postgresql.execute(f"ALTER ROLE {role} CONNECTION LIMIT 18")
    monkeypatch.setenv("DATABASE_URL", postgresql.as_role(url, role))
    monkeypatch.setenv("WORKERS", "3")
    assert "WORKERS: 3 need up to 33 connections, and the database has 18: lower WORKERS or " in only_problem(run)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "5")
    assert run("doctor").stdout == "✓ Nothing is wrong.\n"


@pytest.mark.parametrize(
    ("url", "complaint"),
    (
        ("postgresql://u:hunter2@no-such-host.invalid/d", "does not answer: gaierror: "),
        ("postgresql://u:hunter2@no..host/d", "does not answer: OSError: the address is not understood. "),
        (
            "postgresql://u:hunter2@127.0.0.1:1/d?sslmode=verify-full",
            "does not answer: ClientConfigurationError: ",
        ),
    ),
)
def test_the_doctor_reports_why_a_database_cannot_be_reached_without_its_url(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, complaint: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    problem = only_problem(run)
    assert complaint in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("parameter", "complaint"),
    (
        (
            "pgbouncer=true",
            'the database refuses: UndefinedObjectError: unrecognized configuration parameter "pgbouncer"',
        ),
        ("statement_timeout=long", "the database refuses: InvalidParameterValueError: "),
    ),
)
def test_the_doctor_reports_a_parameter_that_postgresql_refuses(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL, parameter: str, complaint: str
) -> None:
    url = postgresql.new_database()
    monkeypatch.setenv("DATABASE_URL", f"{url}{'&' if '?' in url else '?'}{parameter}")
    assert only_problem(run).startswith(f"DATABASE_URL: {complaint}")
    start = run("serve")
    assert start.exit_code == 1
    assert "parameter" in start.stderr
    assert len(start.stderr.splitlines()) == 1


@contextmanager
def answering_to_tls(answer: bytes, certificate: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that is asked for TLS as PostgreSQL is, on the port that is returned."""

    def serve_one() -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.recv(8)
            connection.sendall(answer)
            if certificate is not None:
                certificate.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        threads.submit(serve_one)
        yield listener.getsockname()[1]


def test_the_doctor_reports_a_database_without_tls(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering_to_tls(b"N") as port:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://u:hunter2@127.0.0.1:{port}/d?sslmode=require")
        assert only_problem(run) == (
            "DATABASE_URL: the database does not answer: ConnectionError: the server takes no TLS. "
            "Is it running, and does it accept TLS, which sslmode in DATABASE_URL requires?"
        )


@pytest.mark.skipif(not OPENSSL, reason="it makes the certificate")
def test_the_doctor_reports_a_certificate_that_is_not_trusted(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = tmp_path_factory.mktemp("certificates")
    for name in ("server", "other"):
        names = ("-subj", f"/CN={name}", "-keyout", str(made / f"{name}.key"), "-out", str(made / f"{name}.crt"))
        subprocess.run(
            [OPENSSL, "req", "-new", "-x509", "-nodes", "-newkey", "rsa:2048", *names],
            check=True,
            capture_output=True,
        )
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(made / "server.crt", made / "server.key")
    with answering_to_tls(b"S", certificate) as port:
        asked = f"sslmode=verify-full&sslrootcert={made / 'other.crt'}"
        monkeypatch.setenv("DATABASE_URL", f"postgresql://u:hunter2@127.0.0.1:{port}/d?{asked}")
        assert only_problem(run) == (
            "DATABASE_URL: the database does not answer: SSLCertVerificationError: self-signed certificate. "
            "Do sslmode and sslrootcert in DATABASE_URL fit this server?"
        )


def test_the_doctor_reports_a_database_that_does_not_exist(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgresql.new_database().replace("/test_", "/missing_"))
    problem = only_problem(run)
    assert "DATABASE_URL: the database refuses: InvalidCatalogNameError: database " in problem
    assert problem.endswith(" does not exist. Create the database, or name another one in DATABASE_URL.")


@pytest.mark.parametrize(
    ("kind", "complaint"),
    (
        ("a file", "exists and is not an unused socket"),
        ("a folder", "exists and is not an unused socket"),
        ("in no folder", "is not a folder: make it"),
        ("left by a killed server", "Nothing is wrong"),
        ("free", "Nothing is wrong"),
    ),
)
def test_the_doctor_reports_a_socket_file_that_cannot_be_listened_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path, kind: str, complaint: str
) -> None:
    path = folder / "jwtapi.sock"
    match kind:
        case "a file":
            path.write_text("precious")
        case "a folder":
            path.mkdir()
        case "in no folder":
            path /= "jwtapi.sock"
        case "left by a killed server":
            with socket.socket(socket.AF_UNIX) as killed:
                killed.bind(str(path))
    monkeypatch.setenv("UDS", str(path))
    monkeypatch.setenv("TRUSTED_PROXIES", "unix")
    assert complaint in run("doctor").stdout
    assert kind != "a file" or path.read_text() == "precious"


def test_the_doctor_reports_an_untrusted_peer_on_the_socket_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    complaint = "UDS is set and TRUSTED_PROXIES does not name unix: all clients behind the proxy share one limit"
    monkeypatch.setenv("UDS", f"{folder}/jwtapi.sock")
    assert complaint in run("doctor").stdout
