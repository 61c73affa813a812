"""The access events for audio that cannot be served because it was tampered with or is missing."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from vault.database.interface import Database
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.errors import RecordingMissing, Tampered, VaultError
from vault.structured_log import Log

_LOG = Log(__name__)


async def record_alarm(
    database: Database, event: AccessEvent, error: Tampered | RecordingMissing, at: datetime
) -> None:
    """Record that stored audio differs from what was sealed, or that it is missing.

    These are two alarms: tampered means that someone wrote to the object store; missing means that the store lost
    an object, and the recording plays again once it is restored. If the access log cannot be written, only the
    operator's log has the alarm.
    """
    if isinstance(error, RecordingMissing):
        _LOG.error("recording.missing", recording_id=event.recording_id)
        alarm = replace(event, id=new_id("evt"), type="recording.missing", at=at)
    else:
        _LOG.error("recording.tampered", recording_id=event.recording_id)
        alarm = replace(event, id=new_id("evt"), type="recording.tampered", at=at)
    with suppress(VaultError):
        await database.write(lambda tx: tx.events.append(alarm))
