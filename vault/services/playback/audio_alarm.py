"""What is put on record when audio cannot be served: it was changed, or it is not there. A kernel of playing."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.errors import RecordingMissing, Tampered, VaultError
from vault.ports.database import Database
from vault.structured_log import Log

_LOG = Log(__name__)


async def record_alarm(
    database: Database, event: AccessEvent, error: Tampered | RecordingMissing, at: datetime
) -> None:
    """Put on record that what is stored is not what was sealed, or that it is gone.

    The two are different alarms: one says that somebody wrote to the object store, the other that the store
    lost something, which plays again once it is put back. Without a log that can be written, the line in the
    operator's log remains.
    """
    if isinstance(error, RecordingMissing):
        _LOG.error("recording.missing", recording_id=event.recording_id)
        alarm = replace(event, id=new_id("evt"), type="recording.missing", at=at)
    else:
        _LOG.error("recording.tampered", recording_id=event.recording_id)
        alarm = replace(event, id=new_id("evt"), type="recording.tampered", at=at)
    with suppress(VaultError):
        await database.write(lambda tx: tx.events.append(alarm))
