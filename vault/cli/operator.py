"""Runs an operator's commands: in the server that holds the SQLite database, or in this process if none runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol

from vault.control.socket import ask, perform
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
async def operating(settings: Settings, *, restoring: bool = False) -> AsyncIterator[Operator]:
    """Yield an operator whose commands all run in the same server, or all in this process.

    With ``restoring`` a new database is initialized as that of the vault in the object store. Raises the errors of
    assembling a vault.
    """
    if settings.sqlite_path is None:
        from vault import composition

        await asyncio.to_thread(partial(composition.migrate, settings, restoring=restoring))
    else:
        try:
            await ask(settings.control_socket, "hello", {})
        except Unavailable:
            pass
        else:
            yield partial(ask, settings.control_socket)
            return
    from vault import composition

    async with composition.assemble(settings, restoring=restoring, describing=False) as vault:
        yield partial(perform, vault)


def operate(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Any:
    """Run one command and return its result."""

    async def run() -> Any:
        async with operating(settings) as operator:
            return await operator(command, arguments)

    return asyncio.run(run())
