"""`jwtapi user create | invite | list | roles | disable | enable | set-password | reset-link | reset-mfa | delete`."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Annotated

import typer

from jwtapi.caller import COMMAND_LINE
from jwtapi.cli.running import exit_with_error, reporting_errors, run_with_services
from jwtapi.features.admin.roles import parse_roles
from jwtapi.features.admin.service import AdminService
from jwtapi.languages import DEFAULT, LANGUAGES
from jwtapi.second_factors.changes import Reset
from jwtapi.second_factors.settings import MfaRequirement, MfaSettings
from jwtapi.security.email_addresses import parse_email
from jwtapi.services import Services
from jwtapi.storage.users import User
from jwtapi.users.invitations import VALID_DAYS, InvitationService
from jwtapi.users.service import UserService

app = typer.Typer(help="Administer users.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user name. Write a name that begins with a hyphen after a lone `--`.")]


def _known_language(language: str) -> str:
    if language not in LANGUAGES:
        raise typer.BadParameter(f"must be {' or '.join(LANGUAGES)}")
    return language


@app.command()
def create(
    name: Name,
    role: Annotated[
        list[str] | None, typer.Option(help="A role, which access tokens contain. Repeat for more roles.")
    ] = None,
) -> None:
    """Create a user.

    The command asks for the password, or reads it from standard input.
    """
    with reporting_errors():
        roles = parse_roles(role or ())
    password = _password()

    async def run(services: Services) -> User:
        return await services[UserService].register(name, password, COMMAND_LINE, roles=roles, may_be_reserved=True)

    typer.echo(f"Created {run_with_services(run, makes_database=True).username}.")


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="The e-mail address of the person.")],
    role: Annotated[
        list[str] | None, typer.Option(help="A role that the user will have. Repeat for more roles.")
    ] = None,
    language: Annotated[
        str, typer.Option(callback=_known_language, help=f"The language of the mail: {' or '.join(LANGUAGES)}.")
    ] = DEFAULT,
) -> None:
    """Invite somebody to register, by mail. Without MAIL_URL, print a link for that person.

    The link registers one user. A former invitation of the same address becomes void.
    """
    with reporting_errors():
        roles, address = parse_roles(role or ()), parse_email(email)
    caller = replace(COMMAND_LINE, language=language)
    link = run_with_services(
        lambda services: services[InvitationService].invite(address, caller, roles=roles),
        makes_database=True,
        needs_secrets=True,
    )
    if link is None:
        typer.echo(f"Invited {address.display} by mail.")
    else:
        typer.echo(
            f"This server sends no mail. Give this link, which is valid for {VALID_DAYS} days, to {address.display}:",
            err=True,
        )
        typer.echo(link)


@app.command("list")
def list_() -> None:
    """List name, id, date of creation, roles, and whether the user is disabled."""

    async def run(services: Services) -> None:
        admin = services[AdminService]
        page = await admin.users()
        while page:
            for user in page:
                state = "disabled" if user.disabled_at is not None else "enabled"
                columns = (
                    user.username,
                    str(user.id),
                    f"{user.created_at:%Y-%m-%d}",
                    ",".join(user.roles) or "-",
                    state,
                )
                typer.echo("\t".join(columns))
            page = await admin.users(after=page[-1].canonical_username)

    run_with_services(run)


@app.command()
def disable(name: Name) -> None:
    """Refuse further logins of a user, and end every session immediately."""
    _administer(lambda admin: admin.disable(name))
    typer.echo(f"Disabled {name}.")


@app.command()
def enable(name: Name) -> None:
    """Let a disabled user sign in again."""
    _administer(lambda admin: admin.enable(name))
    typer.echo(f"Enabled {name}.")


@app.command()
def roles(
    name: Name,
    add: Annotated[list[str] | None, typer.Option(help="A role to add. Repeat for more roles.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A role to remove. Repeat for more roles.")] = None,
) -> None:
    """Change roles, effective immediately, and print them.

    The server refuses access tokens with the old roles.
    """
    has = run_with_services(
        lambda services: services[AdminService].change_roles(name, add=add or (), remove=remove or ())
    )
    typer.echo(f"{name} has {', '.join(has) or 'no role'}.")


@app.command()
def set_password(name: Name) -> None:
    """Set a new password, and end every session immediately.

    The command asks for the password, or reads it from standard input.
    """
    password = _password()
    _administer(lambda admin: admin.set_password(name, password))
    typer.echo(f"Set the password of {name}.")


@app.command("reset-link")
def print_reset_link(name: Name) -> None:
    """Print a link by which a user can set a new password.

    It works once, for 30 minutes. Give it to nobody but the user.
    """
    typer.echo(run_with_services(lambda services: services[AdminService].reset_link(name), needs_secrets=True))


@app.command()
def reset_mfa(name: Name) -> None:
    """Remove the second factors of a user who has lost them, and end every session immediately.

    First make sure that it is this user who asks. The password stays.
    """

    async def run(services: Services) -> tuple[Reset, MfaRequirement]:
        return await services[AdminService].reset_mfa(name), services.settings.of(MfaSettings).mfa_required

    reset, required = run_with_services(run)
    for line in _of_reset(name, reset):
        typer.echo(line)
    if required is not MfaRequirement.OFF and not reset.kept_passkeys:
        whose = "administrators" if required is MfaRequirement.ADMINS else "users"
        typer.echo(f"MFA_REQUIRED: the time in which {whose} set up a second factor (MFA_GRACE) begins anew.")


def _of_reset(name: str, reset: Reset) -> Iterator[str]:
    if not reset.has_removed and not reset.kept_passkeys:
        yield f"{name} has no second factor."
        return
    if reset.has_removed:
        removed = [
            *(["the authenticator app"] if reset.totp else []),
            *([f"passkeys: {reset.passkeys}"] if reset.passkeys else []),
            *([] if reset.kept_passkeys else ["recovery codes"]),
        ]
        yield f"Removed from {name}: {', '.join(removed)}. Every session has ended, and no device is remembered."
    if reset.has_password:
        yield "The password stays, and signs in alone."
    elif reset.kept_passkeys:
        yield (
            f"Passkeys that stay: {reset.kept_passkeys}. They are the only way in, because {name} has no password. To "
            f"remove them too, give {name} a password first: `jwtapi user reset-link {name}`."
        )
    else:
        yield f"{name} has no password, and gets a link for one by mail, or from `jwtapi user reset-link {name}`."


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,  # noqa: FBT002  an option, by name
) -> None:
    """Delete a user with settings and sessions."""
    if not yes:
        typer.confirm(f"Delete {name}?", abort=True)
    _administer(lambda admin: admin.delete(name))
    typer.echo(f"Deleted {name}.")


def _administer(act: Callable[[AdminService], Awaitable[None]]) -> None:
    run_with_services(lambda services: act(services[AdminService]))


def _is_interactive() -> bool:
    return sys.stdin.isatty()


def _password() -> str:
    """Get the password. It is never an argument, because the process list shows arguments."""
    if _is_interactive():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.buffer.readline()
    try:
        # Remove the line ending, and the byte order mark that PowerShell writes.
        return line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        exit_with_error("The password on standard input is not UTF-8.")
