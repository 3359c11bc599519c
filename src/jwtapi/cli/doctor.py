"""`jwtapi doctor`: reports what is wrong or unsafe in this configuration."""

import asyncio
import ipaddress
from typing import Any

import typer

from jwtapi.cli.checks.address import (
    is_taken_by_jwtapi,
    problem_of_listening,
    problems_of_metrics_address,
    warnings_of_public_url,
)
from jwtapi.cli.checks.cookies import warnings_of_cookies
from jwtapi.cli.checks.database import problems_of_database
from jwtapi.cli.checks.files import problems_of_env_file
from jwtapi.cli.checks.keys import notes_of_keys, problems_of_keys, warnings_of_keys
from jwtapi.cli.checks.limits import problems_of_limits
from jwtapi.cli.checks.mail import problems_of_mail
from jwtapi.cli.checks.proxies import trusts_whole_internet
from jwtapi.cli.checks.second_factors import notes_of_second_factors, problems_of_second_factors
from jwtapi.cli.output import AsJson, json_line, say, visible, write
from jwtapi.cli.running import ExitCode, reporting_errors
from jwtapi.composition import settings_class
from jwtapi.env_file import missing_secrets
from jwtapi.interpreter import interpreter_problems
from jwtapi.open_files import problems_of_open_files
from jwtapi.secret_strength import new_secret
from jwtapi.settings import (
    ENV_FILE,
    UNIX_PEER,
    Environment,
    Settings,
    SettingsError,
    load_settings,
    load_settings_without_secrets,
)

_HOUR = 3600


def doctor(as_json: AsJson = False) -> None:  # noqa: FBT002  an option, by name
    """Report what is wrong with this configuration or this Python.

    The exit code is 1 if anything is wrong. A note (•) is not wrong. The command changes nothing.
    """
    try:
        settings = _settings_of_next_start()
        problems = _problems(settings)
        notes = [*notes_of_keys(settings), *asyncio.run(notes_of_second_factors(settings))]
    except SettingsError as error:
        problems, notes = error.problems, []
    with reporting_errors():
        if as_json:
            found = [*(("problem", each) for each in problems), *(("note", each) for each in notes)]
            write(json_line({"kind": kind, "message": message}) for kind, message in found)
        else:
            write(visible(line) for line in (*(f"✗ {each}" for each in problems), *(f"• {each}" for each in notes)))
    if problems:
        raise typer.Exit(ExitCode.FAILED)
    if not as_json:
        say("✓ Nothing is wrong.")


def warnings_of(settings: Settings) -> list[str]:
    """Return what this configuration allows although it should not."""
    warnings = _warnings_in_production(settings) if settings.in_production else []
    if settings.workers > 1 and settings.rate_limit_storage_uri.get_secret_value().startswith("memory:"):
        warnings.append(
            f"RATE_LIMIT_STORAGE_URI is memory:// with {settings.workers} workers: each worker counts separately, so "
            f"clients get up to {settings.workers} times the limits; use database://"
        )
    if settings.uds is not None and UNIX_PEER not in settings.trusted_proxies:
        warnings.append(
            "UDS is set and TRUSTED_PROXIES does not name unix: all clients behind the proxy share one limit; add unix"
        )
    if trusts_whole_internet(settings.trusted_proxies):
        warnings.append(
            "TRUSTED_PROXIES trusts the whole Internet: clients can choose the address that the limits count"
        )
    if settings.access_token_ttl > _HOUR:
        warnings.append(
            "ACCESS_TOKEN_TTL is over an hour: services that check tokens themselves accept them for so long after a "
            "logout"
        )
    return warnings + warnings_of_keys(settings) + warnings_of_cookies(settings) + warnings_of_public_url(settings)


def _warnings_in_production(settings: Settings) -> list[str]:
    warnings = []
    if not settings.cookie_secure:
        warnings.append("COOKIE_SECURE is false in production: the refresh token can cross the network unencrypted")
    if not settings.rate_limit_enabled:
        warnings.append("RATE_LIMIT_ENABLED is false in production: clients can guess passwords without limit")
    if not settings.password_blocklist:
        warnings.append("PASSWORD_BLOCKLIST is false in production: people can choose well-known passwords")
    if settings.docs_enabled:
        warnings.append("DOCS_ENABLED is true in production: anybody can read the documentation of the API")
    if any(origin.startswith("http://") for origin in settings.cors_origins):
        warnings.append(
            "CORS_ORIGINS has an http:// origin in production: attackers on the network can change its pages, and "
            "browsers treat it as another site than https"
        )
    if settings.uds is None and not settings.trusted_proxies and _is_reached_from_elsewhere(settings.host):
        warnings.append(
            f"HOST is {settings.host} and TRUSTED_PROXIES is empty in production: all clients behind a proxy share "
            "one limit; set TRUSTED_PROXIES to the address of the proxy"
        )
    return warnings


def _problems(settings: Settings) -> list[str]:
    problems = [
        *warnings_of(settings),
        *interpreter_problems(),
        *problems_of_open_files(),
        *problems_of_env_file(ENV_FILE),
        *_problems_of_addresses(settings),
        *asyncio.run(problems_of_database(settings)),
        *asyncio.run(problems_of_keys(settings)),
        *asyncio.run(problems_of_limits(settings)),
        *asyncio.run(problems_of_mail(settings)),
        *asyncio.run(problems_of_second_factors(settings)),
    ]
    return list(dict.fromkeys(problems))  # more than one check may find the same setting unusable


def _settings_of_next_start() -> Settings:
    """Load the settings that the next start would use. In development, a start makes missing secrets."""
    stand_ins: dict[str, Any] = {}
    if load_settings_without_secrets(kind=settings_class()).environment is Environment.DEVELOPMENT:
        stand_ins = {name.lower(): new_secret() for name in missing_secrets(ENV_FILE)}
    return load_settings(kind=settings_class(), **stand_ins)


def _problems_of_addresses(settings: Settings) -> list[str]:
    problem = problem_of_listening(settings)
    if problem is not None and is_taken_by_jwtapi(problem, settings):
        return []  # a running server of this configuration uses the ports
    return ([problem] if problem is not None else []) + problems_of_metrics_address(settings.metrics_listen)


def _is_reached_from_elsewhere(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name; most likely localhost
