"""`jwtapi user import` and `jwtapi user export`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from jwtapi.cli.output import OutputClosed, write_text
from jwtapi.cli.progress import progress
from jwtapi.cli.running import ExitCode, exit_with_error, run_with_services
from jwtapi.env_file import missing_secrets
from jwtapi.importing.candidates import MADE_NAME
from jwtapi.importing.export import SecretUnreadable, UserExport
from jwtapi.importing.options import ImportOptions, OnConflict, Part
from jwtapi.importing.private_files import create_private
from jwtapi.importing.records import FileInvalid
from jwtapi.importing.report import Write, json_lines, table
from jwtapi.importing.results import Outcome, Result, Summary
from jwtapi.importing.service import UserImport
from jwtapi.importing.sources.firebase import parse_hash_config
from jwtapi.importing.sources.names import SourceName
from jwtapi.importing.sources.source import SourceOptions
from jwtapi.security.totp import TotpSecrets
from jwtapi.security.usernames import UsernamePolicy
from jwtapi.services import Services
from jwtapi.settings import ENV_FILE
from jwtapi.storage.database import Database
from jwtapi.users.held_names import HeldNames

_MAX_CONFIG = 64 * 1024


def import_users(  # noqa: PLR0913, PLR0917  options, by name
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the other system has exported.")],
    source: Annotated[SourceName, typer.Option("--from", help="The system that has written FILE.")],
    dry_run: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--dry-run", help="Store nobody, and report what an import would do.")
    ] = False,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            help="What happens to somebody whose user name, address or id another user has. Only names are renamed."
        ),
    ] = OnConflict.FAIL,
    trust_verified: Annotated[  # noqa: FBT002  as above
        bool, typer.Option("--trust-verified", help="An e-mail address is verified if the other system says so.")
    ] = False,
    trust_admins: Annotated[  # noqa: FBT002  as above
        bool, typer.Option("--trust-admins", help="Administrators of the other system get the role admin.")
    ] = False,
    report_file: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Create a file with a line for each user: JSON Lines, or CSV if its name ends with .csv. "
            "Without it, print the lines of those who need attention.",
        ),
    ] = None,
    drop_unusable: Annotated[
        list[Part] | None,
        typer.Option(
            help="Import users without this part if it cannot be used. Repeat for more. Without totp, the "
            "password alone signs in."
        ),
    ] = None,
    hash_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The password hash parameters of Firebase, as the console shows them."),
    ] = None,
    id_prefix: Annotated[
        str, typer.Option(help="Put this before the ids, such as wp-, if two systems use the same ids.")
    ] = "",
) -> None:
    """Import users with their ids and password hashes.

    You can run it again at any time, also after it was interrupted. It then imports only who is missing.
    No mail is sent. Exit codes: 0 done, 1 somebody failed, 3 FILE does not exist, 4 the report exists.
    """
    if _is_missing(file):
        exit_with_error(f"{file} does not exist.", code=ExitCode.NOT_THERE)
    options = ImportOptions(
        source=source,
        of_source=SourceOptions(_hash_options(hash_config) if hash_config is not None else {}),
        on_conflict=on_conflict,
        trusts_verified=trust_verified,
        trusts_admins=trust_admins,
        drops=frozenset(drop_unusable or ()),
        id_prefix=id_prefix,
        is_dry_run=dry_run,
    )
    with _reporting_to(report_file) as write:

        async def run(services: Services) -> Summary:
            return await _import_of(services).run(file, options, progress=progress, report=write)

        # A dry run makes no secrets either. Where there are none yet, it needs none.
        needs_secrets = not dry_run or not missing_secrets(ENV_FILE)
        try:
            summary = run_with_services(run, makes_database=not dry_run, needs_secrets=needs_secrets)
        except FileInvalid as error:
            exit_with_error(f"{file}: {error}")
        except OSError as error:
            exit_with_error(f"{error.filename or 'The report'}: {error.strerror}.")
    for line in _of_summary(summary, is_dry_run=dry_run):
        typer.echo(line, err=True)
    if summary.has_failed:
        raise typer.Exit(ExitCode.FAILED)


def export_users(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The file to create. Without it, standard output.")
    ] = None,
    with_password_hashes: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--with-password-hashes", help="Write the hashes too. Whoever reads them can try passwords.")
    ] = False,
    with_totp_secrets: Annotated[  # noqa: FBT002  as above
        bool,
        typer.Option(
            "--with-totp-secrets", help="Write the secrets of authenticator apps too. Whoever reads them has the codes."
        ),
    ] = False,
) -> None:
    """Write the users as JSON Lines, as `jwtapi user import --from jsonl` reads them.

    Passkeys, API keys and service accounts stay: `jwtapi db copy` copies everything. Exit code 4: FILE exists.
    """

    async def run(services: Services, write: Callable[[str], object]) -> int:
        export = UserExport(services[Database], services[TotpSecrets])
        async for lines in export.pages(with_hashes=with_password_hashes, with_totp=with_totp_secrets):
            write("".join(f"{line}\n" for line in lines))
        return export.left_out

    with _writing_to(file) as write:
        try:
            left_out = run_with_services(lambda services: run(services, write), needs_secrets=with_totp_secrets)
        except SecretUnreadable as error:
            exit_with_error(str(error))
    if left_out:
        typer.echo(f"Service accounts, which have nothing to sign in with, and are left out: {left_out}.", err=True)


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # opening the file will report the reason
        return False


def _import_of(services: Services) -> UserImport:
    return UserImport(
        services[Database],
        services[UsernamePolicy],
        services[HeldNames],
        services[TotpSecrets],
        services.clock,
        bcrypt_rounds=services.settings.bcrypt_rounds,
        token_claims=services.settings.token_claims,
    )


def _hash_options(path: Path) -> Mapping[str, Any]:
    """Read the parameters from a file, because the process list shows the command line, and one of them is a key."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return parse_hash_config(file.read(_MAX_CONFIG))
    except FileNotFoundError:
        exit_with_error(f"{path} does not exist.", code=ExitCode.NOT_THERE)
    except OSError as error:
        exit_with_error(f"{path}: {error.strerror}.")
    except UnicodeDecodeError:
        exit_with_error(f"{path}: not UTF-8.")
    except FileInvalid as error:
        exit_with_error(f"{path}: {error}")


@contextmanager
def _reporting_to(path: Path | None) -> Iterator[Write]:
    if path is not None:
        with _new_file(path, keeps_begun=True) as file:
            yield table(file.write) if path.suffix == ".csv" else json_lines(file.write)
        return
    write = json_lines(_print)
    yield lambda result: write(result) if _needs_attention(result) else None


def _print(line: str) -> None:
    """Print the line of a user. The import goes on even if nobody reads it."""
    with suppress(OutputClosed):
        write_text(line)


def _needs_attention(result: Result) -> bool:
    return result.outcome is not Outcome.EXISTS and result.reason not in {None, MADE_NAME}


@contextmanager
def _writing_to(path: Path | None) -> Iterator[Callable[[str], object]]:
    """Provide the function that writes to a new file, or to standard output for None."""
    if path is None:
        yield write_text
    else:
        with _new_file(path) as file:
            yield file.write


@contextmanager
def _new_file(path: Path, *, keeps_begun: bool = False) -> Iterator[TextIO]:
    """Create a file. Remove it after a failure, unless it has begun and `keeps_begun`."""
    try:
        file = create_private(path)
    except FileExistsError:
        exit_with_error(f"{path} exists. Name another file.", code=ExitCode.EXISTS)
    except OSError as error:
        exit_with_error(f"{path}: {error.strerror}.")
    try:
        with file:  # closing it writes the rest, for which the disk may have no room
            yield file
    except BaseException as error:
        if not keeps_begun or (path.exists() and not path.stat().st_size):
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            exit_with_error(f"{path}: {error.strerror}.")
        raise


def _of_summary(summary: Summary, *, is_dry_run: bool) -> Iterator[str]:
    counts = {outcome: count for outcome in Outcome if (count := summary.outcomes[outcome])}
    yield ", ".join(f"{outcome.value}: {count}" for outcome, count in counts.items()) or "The file has no users."
    if summary.unverified:
        yield (
            f"With an address that is not verified: {summary.unverified}. They sign in with their user names, and get "
            "no mail. If the other system has verified the addresses, import with --trust-verified."
        )
    if summary.wrapped:
        what = "that the import puts" if is_dry_run else "that are now"
        yield f"Fast hashes {what} below a slow one: {summary.wrapped}."
