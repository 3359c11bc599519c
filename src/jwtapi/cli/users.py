"""`jwtapi user …`: every command but `list` and `show`."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated

import typer

from jwtapi import strict_json
from jwtapi.caller import COMMAND_LINE
from jwtapi.cli.finding import is_taken
from jwtapi.cli.output import AsJson, json_line, say, visible
from jwtapi.cli.running import exit_with_error, reporting_errors, run_with_services
from jwtapi.cli.several import IfExists, run_for_each
from jwtapi.cli.user_list import list_users, show
from jwtapi.features.admin.service import AdminService
from jwtapi.languages import DEFAULT, LANGUAGES
from jwtapi.second_factors.changes import Reset
from jwtapi.second_factors.settings import MfaRequirement, MfaSettings
from jwtapi.security.email_addresses import parse_email
from jwtapi.services import Services
from jwtapi.users.administrators import ADMIN
from jwtapi.users.errors import UsernameTaken
from jwtapi.users.invitations import VALID_DAYS, InvitationService
from jwtapi.users.roles import parse_roles
from jwtapi.users.service import UserService

app = typer.Typer(help="Administer users.", no_args_is_help=True)

_HYPHEN = "Write a name that begins with a hyphen after a lone `--`."
Name = Annotated[str, typer.Argument(help=f"The user name. {_HYPHEN}")]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help=f"The user names. {_HYPHEN}")]


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
    admin: Annotated[bool, typer.Option("--admin", help="The same as --role admin.")] = False,  # noqa: FBT002  an option
    if_not_exists: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--if-not-exists", help="A user who exists stays as it is, and is no failure.")
    ] = False,
) -> None:
    """Create a user.

    The command asks for the password, or reads it from standard input.
    """
    with reporting_errors():
        roles = parse_roles([*(role or ()), *([ADMIN] if admin else [])])
    password = _password()

    async def run(services: Services) -> str:
        # This comes first, because the password of a user who exists need not be one that the policy accepts.
        if if_not_exists and await is_taken(services, name):
            return f"{name} exists."
        try:
            user = await services[UserService].register(name, password, COMMAND_LINE, roles=roles, may_be_reserved=True)
        except UsernameTaken:
            # Another process has just created the user. Or nobody has the name, but it is held back.
            if not if_not_exists or not await is_taken(services, name):
                raise
            return f"{name} exists."
        return f"Created {user.username}."

    say(run_with_services(run, makes_database=True))


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
        say(f"Invited {address.display} by mail.")
    else:
        typer.echo(
            f"This server sends no mail. Give this link, which is valid for {VALID_DAYS} days, to {address.display}:",
            err=True,
        )
        say(link)


app.command("list")(list_users)
app.command()(show)


@app.command()
def disable(names: Names, if_exists: IfExists = False) -> None:  # noqa: FBT002  an option, by name
    """Refuse further logins of users, and end every session immediately."""
    _administer(names, lambda admin, name: admin.disable(name), "Disabled {}.", if_exists=if_exists)


@app.command()
def enable(names: Names, if_exists: IfExists = False) -> None:  # noqa: FBT002  an option, by name
    """Let disabled users sign in again."""
    _administer(names, lambda admin, name: admin.enable(name), "Enabled {}.", if_exists=if_exists)


@app.command()
def roles(
    names: Names,
    add: Annotated[list[str] | None, typer.Option(help="A role to add. Repeat for more roles.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A role to remove. Repeat for more roles.")] = None,
    if_exists: IfExists = False,  # noqa: FBT002  an option, by name
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Change roles, effective immediately, and print them.

    The server refuses access tokens with the old roles.
    """

    async def act(services: Services, name: str) -> list[str]:
        has = await services[AdminService].change_roles(name, add=add or (), remove=remove or ())
        if as_json:
            return [json_line({"username": name, "roles": has})]
        return [visible(f"{name} has {', '.join(has) or 'no role'}.")]

    run_for_each(names, act, if_exists=if_exists, as_json=as_json)


@app.command()
def metadata(
    name: Name,
    set_: Annotated[str | None, typer.Option("--set", help="A JSON object that replaces all metadata.")] = None,
) -> None:
    """Print what administrators note about a user, as JSON, or replace it.

    TOKEN_CLAIMS names the members that access tokens contain. The server refuses tokens with the old ones.
    """
    try:
        new = strict_json.loads(set_.encode(errors="surrogateescape")) if set_ is not None else None
    except ValueError as error:
        exit_with_error(f"--set: must be JSON: {error}")
    has = run_with_services(
        lambda services: (
            services[AdminService].set_metadata(name, new)
            if set_ is not None
            else services[AdminService].metadata(name)
        )
    )
    say(json_line(has))


@app.command()
def set_password(name: Name) -> None:
    """Set a new password, and end every session immediately.

    The command asks for the password, or reads it from standard input.
    """
    password = _password()
    run_with_services(lambda services: services[AdminService].set_password(name, password))
    say(f"Set the password of {name}.")


@app.command("reset-link")
def print_reset_link(name: Name) -> None:
    """Print a link by which a user can set a new password.

    It works once, for 30 minutes. Give it to nobody but the user.
    """
    say(run_with_services(lambda services: services[AdminService].reset_link(name), needs_secrets=True))


@app.command()
def reset_mfa(names: Names, if_exists: IfExists = False) -> None:  # noqa: FBT002  an option, by name
    """Remove the second factors of users who have lost them, and end every session immediately.

    First make sure that it is these users who ask. The passwords stay.
    """

    async def act(services: Services, name: str) -> list[str]:
        reset = await services[AdminService].reset_mfa(name)
        return [*_of_reset(name, reset), *_of_grace(reset, services.settings.of(MfaSettings).mfa_required)]

    run_for_each(names, act, if_exists=if_exists)


def _of_grace(reset: Reset, required: MfaRequirement) -> Iterator[str]:
    if required is not MfaRequirement.OFF and not reset.kept_passkeys:
        whose = "administrators" if required is MfaRequirement.ADMINS else "users"
        yield f"MFA_REQUIRED: the time in which {whose} set up a second factor (MFA_GRACE) begins anew."


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
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,  # noqa: FBT002  an option, by name
    if_exists: IfExists = False,  # noqa: FBT002
) -> None:
    """Delete users with settings and sessions."""
    if not yes:
        typer.confirm(f"Delete {visible(', '.join(names))}?", abort=True)
    _administer(names, lambda admin, name: admin.delete(name), "Deleted {}.", if_exists=if_exists)


def _administer(
    names: Sequence[str], act: Callable[[AdminService, str], Awaitable[None]], done: str, *, if_exists: bool
) -> None:
    """Act on each user, and print `done` with the name."""

    async def act_on(services: Services, name: str) -> list[str]:
        await act(services[AdminService], name)
        return [visible(done.format(name))]

    run_for_each(names, act_on, if_exists=if_exists)


def _is_interactive() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _password() -> str:
    """Get the password. It is never an argument, because the process list shows arguments."""
    if _is_interactive():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.buffer.readline() if sys.stdin is not None else b""  # a shell may have closed it
    try:
        # Remove the line ending, and the byte order mark that PowerShell writes.
        return line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        exit_with_error("The password on standard input is not UTF-8.")
