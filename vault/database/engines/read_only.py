"""A database for commands that only read: its methods that write raise."""

from collections.abc import Sequence
from typing import Any, NoReturn

from vault.domain.start_mode import ReadOnly


class ReadOnlyDatabase:
    """A mixin that stands before a database class, and refuses every write of the port."""

    async def write(self, function: object, *, urgent: bool = False) -> Any:
        """Refuse."""
        del function, urgent
        _refuse()

    async def long(self, function: object, *, writes: bool) -> Any:
        """Refuse."""
        del function, writes
        _refuse()

    async def add_fact(self, new: object) -> Any:
        """Refuse."""
        del new
        _refuse()

    async def claim(self, states: Sequence[object], *, lease: object, likely: bool, but: object = ()) -> Any:
        """Refuse."""
        del states, lease, likely, but
        _refuse()

    async def first_manifest_written(self, held: object, key_version: int | None) -> Any:
        """Refuse."""
        del held, key_version
        _refuse()

    async def announce(self, new: object) -> Any:
        """Refuse."""
        del new
        _refuse()

    async def grant(self, grant: object) -> Any:
        """Refuse."""
        del grant
        _refuse()

    async def open_session(self, new: object) -> Any:
        """Refuse."""
        del new
        _refuse()

    async def append_soon(self, event: object) -> Any:
        """Refuse."""
        del event
        _refuse()

    async def scrub(self, *, moved: bool = False) -> bool:
        """Refuse."""
        del moved
        _refuse()


def _refuse() -> NoReturn:
    raise ReadOnly("This command only reads, so it changed nothing in the database.")
