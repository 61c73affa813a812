"""Note when a connection's webhooks came, and why one was refused: beside the requests, and rarely."""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from vault.database.interface import Database
from vault.errors import VaultError
from vault.ports.clock import Clock

#: Min seconds between two notes of the same kind for one connection by a process: they are for people, and must cost
#: a platform with thousands of calls a minute nothing.
INTERVAL: Final = 60.0
_MAX_NOTED: Final = 10_000
_CLOSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteActivity:
    """Write the notes of this process, each by a task of its own, so that no request waits for one."""

    database: Database
    clock: Clock
    #: When each kind of note was written, in the loop's time, the latest last.
    _noted: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict, init=False)
    _writing: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def taken(self, connection_id: str) -> None:
        """Note that a webhook was authentic, and was taken."""
        self._note(connection_id, "")

    def refused(self, connection_id: str, code: str) -> None:
        """Note why a webhook of an existing connection was refused: a code, never what was sent."""
        self._note(connection_id, code)

    async def close(self) -> None:
        """Wait until what is being written is written, but not for long."""
        if self._writing:
            await asyncio.wait(set(self._writing), timeout=_CLOSE_SECONDS)

    def _note(self, connection_id: str, code: str) -> None:
        now, slot = asyncio.get_running_loop().time(), (connection_id, code)
        if (before := self._noted.get(slot)) is not None and now - before < INTERVAL:
            return
        self._noted[slot] = now
        self._noted.move_to_end(slot)
        while len(self._noted) > _MAX_NOTED:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._write(connection_id, code))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, connection_id: str, code: str) -> None:
        at = self.clock()
        with suppress(VaultError):
            await self.database.write(
                lambda tx: tx.connections.note_webhook(connection_id, at, refusal=code or None)
            )
