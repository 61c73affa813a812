"""Where an operator's commands are done: by the server that holds the database, or here where none runs."""

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
    """Does a command with its arguments, tells how far it is, and returns its result."""

    def __call__(
        self, command: str, arguments: Mapping[str, Any], progress: ProgressCallback = no_progress, /
    ) -> Awaitable[Any]:
        """Raise whatever the command raises."""


@asynccontextmanager
async def operating(settings: Settings, *, restoring: bool = False) -> AsyncIterator[Operator]:
    """Offer an operator's commands: all of them to the same server, or all of them here.

    With ``restoring`` a new database is made that of the vault in the object store. Raises what assembling a
    vault raises.
    """
    if settings.sqlite_path is None:
        from vault import composition

        await asyncio.to_thread(composition.migrate, settings)
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
    """Do one command and return its result."""

    async def run() -> Any:
        async with operating(settings) as operator:
            return await operator(command, arguments)

    return asyncio.run(run())
