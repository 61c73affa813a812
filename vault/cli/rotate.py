"""The command that rotates keys: begins, follows, and ends with the signed statement."""

import asyncio
import os
import sys
from typing import Annotated, Any

import typer

from vault import structured_log
from vault.cli.operator import operate, operating
from vault.errors import Invalid
from vault.settings import Settings, read_settings

#: Seconds between two looks while there is nothing to do but wait.
_POLL_INTERVAL = 0.5


def rotate(
    account: Annotated[str | None, typer.Argument(help="The account's name or id.")] = None,
    *,
    root: Annotated[bool, typer.Option("--root", help="Leave the previous root key instead.")] = False,
) -> None:
    """Rotate an account's key: the next version seals what comes, and the one before is emptied and destroyed.

    Goes on with a rotation that is under way, and may be stopped and called again at any moment. Prints the
    signed statement that no recording is left under the old version.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if root == (account is not None):
        raise Invalid("Name an account, or say --root.", field="account")
    if account is None:
        sys.stdout.write(operate(settings, "rotate.root", {}))
        _tell(
            "Nothing is wrapped by the previous root key. Take VAULT_PREVIOUS_ROOT_KEY_URL away and restart."
        )
    else:
        sys.stdout.write(asyncio.run(_rotate(settings, account)))


async def _rotate(settings: Settings, account: str) -> str:
    arguments = {"account": account}
    async with operating(settings) as operator:
        progress = await operator("rotate.begin", arguments)
        _tell(
            f"Version {progress['version']} seals what comes. Version {progress['leaving']} is being emptied."
        )
        while progress["statement"] is None:
            before = progress
            progress = await operator("rotate.step", arguments)
            if progress["remaining"] == before["remaining"]:
                await asyncio.sleep(_POLL_INTERVAL)
            else:
                _tell(_line(progress))
        _tell(f"Version {progress['leaving']} is destroyed.")
    statement: str = progress["statement"]
    return statement


def _line(progress: dict[str, Any]) -> str:
    return f"{progress['rewrapped']} recordings wrapped anew, {progress['remaining']} things to go."


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
