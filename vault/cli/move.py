"""The command ``callvault move-account``."""

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vault import structured_log
from vault.cli.operator import operate
from vault.cli.progress_bar import progress_bar
from vault.errors import Invalid
from vault.settings import Settings, read_settings

_EXAMPLE: Final = """
    VAULT_PUBLIC_URL = "https://eu2.vault.example.com"
    VAULT_DATABASE_URL = "postgresql://vault@db.eu2.example.com/vault"
    VAULT_OBJECTS_URL = "s3://recordings-eu2?region=eu-central-1"
    VAULT_ROOT_KEY_URL = "aws-kms://alias/eu2?region=eu-central-1"
"""
_MOST_BYTES: Final = 32_768
_PATHS: Final = ("VAULT_DATA_DIR",)


def move_account(
    account: Annotated[str, typer.Argument(help="The account's name or id.")],
    *,
    to: Annotated[
        Path,
        typer.Option(
            help="A TOML file with the settings of the other vault, by the names that it has in its environment."
        ),
    ],
    abort: Annotated[
        bool, typer.Option("--abort", help="Give the move up instead, and delete what was copied.")
    ] = False,
    leave_region: Annotated[
        bool, typer.Option("--leave-region", help="The account may leave the region that it was opened in.")
    ] = False,
) -> None:
    """Move an account to another vault, while this one serves. Prints the statement that both access logs sign.

    The other vault is one on PostgreSQL, or a stopped one on SQLite; it needs the schema of this release. This machine
    must reach its database, its objects and its root key, and needs their credentials.

    First the sealed audio is copied while the account lives on; that takes the time. Then the rows are copied,
    compared and taken away here: some seconds for thousands of recordings, in which the account answers 503. From then
    on it is at the other vault. Old links and webhook addresses lead there for as long as this vault runs.

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
    moved = _run(settings, "move.account", arguments | {"leave_region": leave_region})
    sys.stdout.write(moved["statement"])
    typer.echo(f"The account is at {moved['address']}.", err=True)


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
