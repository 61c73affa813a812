"""The command that rotates keys: begins the rotation, shows progress, and prints the signed statement."""

import asyncio
import os
import sys
from typing import Annotated, Any

import typer

from vault import structured_log
from vault.cli.operator import operate, operating
from vault.errors import Invalid
from vault.settings import Settings, read_settings

#: Seconds between two steps if the last one changed nothing.
_POLL_INTERVAL = 0.5


def rotate(
    account: Annotated[str | None, typer.Argument(help="The account's name or id.")] = None,
    *,
    root: Annotated[
        bool, typer.Option("--root", help="Rotate away from the previous root key instead.")
    ] = False,
) -> None:
    """Rotate an account's key: re-encrypt its data under a new version and destroy the old version.

    Continues a rotation in progress; may be stopped and run again at any time. Prints the signed statement that no
    recording is encrypted under the old version.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if root == (account is not None):
        raise Invalid("Pass either an account or --root.", field="account")
    if account is None:
        sys.stdout.write(operate(settings, "rotate.root", {}))
        _print(
            "Nothing is encrypted under the previous root key. Remove VAULT_PREVIOUS_ROOT_KEY_URL and restart."
        )
    else:
        sys.stdout.write(asyncio.run(_rotate(settings, account)))


async def _rotate(settings: Settings, account: str) -> str:
    arguments = {"account": account}
    async with operating(settings, "rotate.begin", "rotate.step") as operator:
        progress = await operator("rotate.begin", arguments)
        _print(
            f"Version {progress['version']} encrypts new data. Data under version {progress['leaving']} is "
            "being re-encrypted."
        )
        while progress["statement"] is None:
            before = progress
            progress = await operator("rotate.step", arguments)
            if progress["remaining"] == before["remaining"]:
                await asyncio.sleep(_POLL_INTERVAL)
            else:
                _print(_line(progress))
        _print(f"Version {progress['leaving']} is destroyed.")
    statement: str = progress["statement"]
    return statement


def _line(progress: dict[str, Any]) -> str:
    return f"{progress['rewrapped']} keys wrapped again, {progress['remaining']} items remaining."


def _print(line: str) -> None:
    sys.stderr.write(line + "\n")
