"""Iterate over all available recordings of the vault."""

from collections.abc import AsyncIterator

from vault.database.interface import Database
from vault.domain.recordings.recording import Recording

_BATCH_SIZE = 500


async def available_recordings(database: Database) -> AsyncIterator[Recording]:
    """Yield available recordings ordered by id, each as it was when its batch was read."""
    after = ""
    while page := await database.read(
        lambda tx, after=after: tx.inventory.available(after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
    ):
        after = page[-1].id
        for recording in page:
            yield recording
