"""Claims of recordings on PostgreSQL, and the end of the lease of an admitted one: without a thread and SQLAlchemy."""

from collections.abc import Sequence
from typing import Any, Final

from vault.database.sql.compiled_statements import RowReader
from vault.database.sql.hot_text import HotText
from vault.database.stores.recordings.claim_statements import CLAIMED_COLUMNS
from vault.database.stores.recordings.recordings import recording_from, sealed_announcement
from vault.domain.recordings.recording import Lease

_CLAIMED: Final = RowReader(CLAIMED_COLUMNS)
#: It need not be durable immediately: after a crash of the server the manifest is due again when the lease has expired.
MANIFEST_WRITTEN: Final = HotText(
    "UPDATE recordings SET manifest_due = false, manifest_key_version = :key_version, sealed_waveform = NULL, "
    "lease_until = NULL, lease_token = NULL WHERE id = :id AND state = 'available' AND lease_token = :token "
    "RETURNING set_config('synchronous_commit', 'off', true)",
    id="text",
    token="text",  # noqa: S106 - a type
    key_version="bigint",
)


def claimed(rows: Sequence[Sequence[Any]], token: str) -> Lease | None:
    """Return the lease of the row that a claim returned, if it found one."""
    if not rows:
        return None
    row = _CLAIMED.named(rows[0])
    return Lease(recording=recording_from(row), token=token, announcement=sealed_announcement(row))
