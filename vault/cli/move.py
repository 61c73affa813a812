"""The commands that move an account to another vault, and ``verify-move`` for the access log across a move."""

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vault import structured_log
from vault.cli.log import exported_lines, read_verifier
from vault.cli.operator import operate
from vault.cli.progress_bar import progress_bar
from vault.domain.moves.move import KEEP
from vault.errors import Invalid, Unavailable
from vault.settings import Settings, read_settings
from vault.tlog.move_proof import VerifiedMove
from vault.tlog.move_proof import verify_move as verify_files
from vault.tlog.note import MAX_NOTE_BYTES

_EXAMPLE: Final = """
    VAULT_PUBLIC_URL = "https://eu2.vault.example.com"
    VAULT_DATABASE_URL = "postgresql://vault@db.eu2.example.com/vault"
    VAULT_OBJECTS_URL = "s3://recordings-eu2?region=eu-central-1"
    VAULT_ROOT_KEY_URL = "aws-kms://alias/eu2?region=eu-central-1"
"""
_MOST_BYTES: Final = 32_768
_PATHS: Final = ("VAULT_DATA_DIR",)


Account = Annotated[str, typer.Argument(help="The account's name or id.")]
Target = Annotated[
    Path,
    typer.Option(
        help="A TOML file with the settings of the other vault, by the names that it has in its environment."
    ),
]
KeepDays = Annotated[
    int,
    typer.Option(
        min=0, max=3650, help="Days from the end of the move until its keys and objects here are destroyed."
    ),
]


def move_account(
    account: Account,
    *,
    to: Target,
    abort: Annotated[
        bool, typer.Option("--abort", help="Give the move up instead, and delete what was copied.")
    ] = False,
    leave_region: Annotated[
        bool, typer.Option("--leave-region", help="The account may leave the region that it was opened in.")
    ] = False,
    keep_days: KeepDays = KEEP.days,
) -> None:
    """Move an account to another vault, while this one serves. Prints the statement that both access logs sign.

    The other vault is one on PostgreSQL, or a stopped one on SQLite; it needs the schema of this release. This machine
    must reach its database, its objects and its root key, and needs their credentials.

    First the sealed audio is copied while the account lives on; that takes the time. Then the rows are copied,
    compared and taken away here: some seconds for thousands of recordings, in which the account answers 503. From then
    on it is at the other vault. Old links and webhook addresses lead there for as long as this vault runs. What is left
    here, keys first, is destroyed after --keep-days: see `move-receipt`.

    It may be killed and run again at any time. Until the account leaves, --abort ends the move, and nothing has
    changed here; after that it only goes on. An account that came from another vault cannot move again.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    arguments = {"account": account, "settings": read_target(to)}
    if abort:
        _run(settings, "move.give-up", arguments)
        typer.echo("The account stays. What was copied is deleted.", err=True)
        return
    moved = _run(settings, "move.account", arguments | {"leave_region": leave_region, "keep_days": keep_days})
    sys.stdout.write(moved["statement"])
    typer.echo(f"The account is at {moved['address']}.", err=True)
    typer.echo(f"Its keys and objects here are destroyed after {moved['destroyed']}.", err=True)


def move_receipt(account: Account) -> None:
    """Print the signed receipt that an account's keys are destroyed here, after its move to another vault."""
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    sys.stdout.write(operate(settings, "move.receipt", {"account": account}))


def read_target(file: Path) -> Mapping[str, str]:
    """Read the settings of the other vault. Raises Invalid, naming the wrong part."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise Invalid(f"{file} is too large for settings.", field="to")
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(
            f"The settings of the other vault cannot be read as TOML: {error}. Example:{_EXAMPLE}", field="to"
        ) from error
    if wrong := sorted(name for name, value in content.items() if not isinstance(value, str | int)):
        raise Invalid(f"In {file} each setting is a text or a number; not {', '.join(wrong)}.", field="to")
    if unknown := sorted(name for name in content if not name.startswith("VAULT_")):
        raise Invalid(f"{file} has unknown names: {', '.join(unknown)}. Example:{_EXAMPLE}", field="to")
    if not content.get("VAULT_PUBLIC_URL"):
        raise Invalid(f"{file} has no VAULT_PUBLIC_URL: old links lead there. Example:{_EXAMPLE}", field="to")
    settings = {name: str(value) for name, value in content.items()}
    for name in _PATHS:
        if name in settings:
            # By the file, not by where the command or the server was started.
            settings[name] = str(file.absolute().parent / settings[name])
    return settings


def _run(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Any:
    with progress_bar(quiet=False) as progress:
        return operate(settings, command, arguments, progress)


def verify_move(
    statement: Annotated[Path, typer.Argument(help="The statement that `move-account` printed.")],
    *,
    before: Annotated[str, typer.Option(help="An export of the log where the account was.")],
    after: Annotated[str, typer.Option(help="An export of the log where the account is.")],
    before_key: Annotated[
        str | None,
        typer.Option(help="The verifier key of the first log, or a file with it, from a trusted source."),
    ] = None,
    after_key: Annotated[
        str | None,
        typer.Option(help="The verifier key of the second log, or a file with it, from a trusted source."),
    ] = None,
    destroyed: Annotated[
        Path | None,
        typer.Option(help="The receipt that `move-receipt` printed; export the first log after that."),
    ] = None,
) -> None:
    """Verify the access log of an account across its move to another vault.

    Checks both exports as `verify-log` does, and that the statement connects them: both keys signed it, the first log
    has the root that it names, its entry `account.moved` has the digest of what was carried, and the account's first
    entry in the second log has the digest of the statement. With --destroyed also that the first vault signed the
    receipt of this move, and its log has the digest of it. Needs no vault and no secret. Exits with 1 if anything is
    wrong, and says what.
    """
    with exported_lines(before) as old_lines, exported_lines(after) as new_lines:
        found = verify_files(
            _read_note(statement),
            old_lines,
            new_lines,
            old_key=None if before_key is None else read_verifier(before_key),
            new_key=None if after_key is None else read_verifier(after_key),
            receipt=None if destroyed is None else _read_note(destroyed),
        )
    _show(found, named=(before_key is None, after_key is None))


def _show(found: VerifiedMove, *, named: tuple[bool, bool]) -> None:
    """Print what was verified; ``named``: whether an export itself named its key."""
    old, new = found.old, found.new
    keys = [
        one.verifier.write() + ("  (named by the export itself)" if by_file else "")
        for one, by_file in zip((old, new), named, strict=True)
    ]
    typer.echo(f"account      {found.statement.account_id}")
    typer.echo(f"left         {old.verifier.name}, entry {old.index} of {old.size}")
    typer.echo(f"arrived in   {new.verifier.name}, entry {new.index} of {new.size}")
    typer.echo(f"entries      {old.entries} before the move, {new.entries} after it")
    typer.echo(f"signed by    {keys[0]}")
    typer.echo(f"and by       {keys[1]}")
    if (rest := found.destroyed) is not None:
        locked = f"; {rest.locked} objects that a lock keeps cannot be decrypted" if rest.locked else ""
        typer.echo(f"destroyed    {rest.destroyed_at:%Y-%m-%d %H:%M} UTC{locked}")
    typer.echo("Every hash, both roots, the statement and the signatures are right.")
    if any(named):
        typer.echo("Compare the keys with those of a trusted source, or pass them by options.", err=True)


def _read_note(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_NOTE_BYTES + 1)
    except OSError as error:
        raise Unavailable(f"{path} could not be read.") from error
