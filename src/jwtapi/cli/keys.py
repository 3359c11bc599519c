"""`jwtapi keys list | rotate | revoke | import`."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from jwtapi.cli.output import AsJson, columns, json_line, say, seconds, write
from jwtapi.cli.running import ExitCode, exit_with_error, reporting_errors, run_with_services
from jwtapi.services import Services
from jwtapi.signing.listing import ListedKey
from jwtapi.signing.service import SigningKeys

T = TypeVar("T")

_MOST_CHARACTERS = 100_000

app = typer.Typer(help="Administer the keys that sign access tokens.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Administer the keys that sign access tokens."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:  # noqa: FBT002  an option, by name
    """List the signing keys, the newest first. No private key is printed.

    The columns are id (`kid`), algorithm, state, when it was made, from when on it signs, and when it stops verifying.
    """
    listed = _administer(lambda signing_keys: signing_keys.all())
    if not listed:
        typer.echo("There are none. With SIGNING_ALGORITHM=HS256, JWT_SECRET signs.", err=True)
    with reporting_errors():
        write(json_line(_document(each)) if as_json else columns(*_cells(each)) for each in listed)


@app.command()
def rotate(
    now: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--now", help="Sign with the new key immediately. Services that cached the keys refuse it.")
    ] = False,
) -> None:
    """Make the next signing key.

    It is published immediately, and signs after SIGNING_KEY_PREPUBLISH. A server does this by itself.
    """
    kid = _administer(lambda signing_keys: signing_keys.rotate(now=now))
    if now:
        typer.echo(
            "Services that have cached the key set refuse new access tokens until they fetch it again.", err=True
        )
        say(f"{kid} signs now.")
    else:
        say(f"{kid} is published. `jwtapi keys list` shows from when on it signs.")


# One of 64 ids begins with a hyphen. Nobody must have to learn in an emergency why that is not an option.
@app.command(context_settings={"ignore_unknown_options": True})
def revoke(
    kid: Annotated[str, typer.Argument(help="The id that `list` prints.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,  # noqa: FBT002  an option, by name
) -> None:
    """Refuse every access token of a key, immediately and permanently, for a key that somebody else has.

    Everybody who has such a token needs one refresh, and stays signed in. If no other key can sign, a new one does.
    """
    if not yes:
        typer.confirm(f"Refuse all access tokens of {kid}?", abort=True)
    successor = _administer(lambda signing_keys: signing_keys.revoke(kid))
    say(f"Revoked {kid}.")
    if successor is not None:
        say(f"The next key is {successor}. `jwtapi keys list` shows from when on it signs.")


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file with one private key in PEM, or - for stdin.")],
) -> None:
    """Store a private key of your own as the next signing key.

    It is encrypted, published immediately, and signs after SIGNING_KEY_PREPUBLISH.
    """
    pem = _read(file)
    kid = _administer(lambda signing_keys: signing_keys.import_(pem))
    say(f"Imported {kid}. `jwtapi keys list` shows from when on it signs.")


def _administer(act: Callable[[SigningKeys], Awaitable[T]]) -> T:
    def use(services: Services) -> Awaitable[T]:
        return act(services[SigningKeys])

    return run_with_services(use, needs_secrets=True)


def _document(key: ListedKey) -> Mapping[str, Any]:
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": key.state,
        "createdAt": key.created_at,
        "signFrom": key.sign_from,
        "ends": key.ends,
    }


def _cells(each: ListedKey) -> tuple[str | None, ...]:
    times = (each.created_at, each.sign_from, each.ends)
    return each.kid, each.algorithm, each.state, *(seconds(time) if time is not None else None for time in times)


def _read(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read(_MOST_CHARACTERS)
        with Path(file).open(encoding="utf-8-sig") as stream:
            return stream.read(_MOST_CHARACTERS)
    except FileNotFoundError:
        exit_with_error(f"{file} does not exist.", code=ExitCode.NOT_THERE)
    except OSError as error:
        exit_with_error(f"Cannot read {file}: {error.strerror}.")
    except UnicodeDecodeError:
        exit_with_error(f"Cannot read {file}: it is not text.")
