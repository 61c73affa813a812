"""Runs an operator's commands: in the server that holds the SQLite database, or in this process if none runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol

from vault.control.commands import ask, start_mode_of
from vault.domain.progress import ProgressCallback, no_progress
from vault.errors import Unavailable
from vault.settings import Settings


class Operator(Protocol):
    """Runs a command with its arguments, reports progress, and returns its result."""

    def __call__(
        self, command: str, arguments: Mapping[str, Any], progress: ProgressCallback = no_progress, /
    ) -> Awaitable[Any]:
        """Run the command. Raises the errors of the command."""


@asynccontextmanager
async def operating(settings: Settings, *commands: str) -> AsyncIterator[Operator]:
    """Yield an operator for these commands, which all run in the same server, or all in this process.

    What they may change is in the table of commands. Raises the errors of assembling a vault.
    """
    mode = start_mode_of(*commands)
    if settings.sqlite_path is not None:
        try:
            await ask(settings.control_socket, "hello", {})
        except Unavailable:
            pass
        else:
            yield partial(ask, settings.control_socket)
            return
    from vault.composition.assemble import assemble
    from vault.control.socket import perform

    async with assemble(settings, mode=mode, describing=False) as vault:
        yield partial(perform, vault)


def operate(
    settings: Settings, command: str, arguments: Mapping[str, Any], progress: ProgressCallback = no_progress
) -> Any:
    """Run one command and return its result."""

    async def run() -> Any:
        async with operating(settings, command) as operator:
            return await operator(command, arguments, progress)

    return asyncio.run(run())
