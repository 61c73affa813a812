"""The sealed keys of recordings, of one or of a whole call."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import bindparam, select

from vault.database.schema.core import recordings
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.stores.short_form import lengthen
from vault.domain.recordings.recording import RecordingKeys

_R = recordings.c
IS_OF_CALL: Final = (_R.account_id == bindparam("account_id")) & (_R.call_ref == bindparam("call_ref"))
_SEALED: Final = select(
    _R.id, _R.account_id, _R.key_version, _R.month_key, _R.wrapped_key, _R.evidence, _R.sealed_details,
    _R.sealed_waveform,
)  # fmt: skip
_OF_RECORDING: Final = CompiledSelect(_SEALED.where(_R.id == bindparam("id")))
_OF_CALL: Final = CompiledSelect(_SEALED.where(IS_OF_CALL))


def keys_of(db: DbConnection, recording_id: str) -> RecordingKeys | None:
    """Return the recording's keys; None before it is sealed and after it is shredded."""
    row = _OF_RECORDING.first(db, id=recording_id)
    return None if row is None else _keys(row)


def keys_of_call(db: DbConnection, account_id: str, call_ref: str) -> Mapping[str, RecordingKeys | None]:
    """Return the keys of a call's recordings by id, as ``keys_of`` does for one."""
    return {row["id"]: _keys(row) for row in _OF_CALL.rows(db, account_id=account_id, call_ref=call_ref)}


def _keys(row: Mapping[str, Any]) -> RecordingKeys | None:
    if row["wrapped_key"] is None:
        return None
    if (details := row["sealed_details"]) is not None:
        details = lengthen(details, row["account_id"], row["id"], "details")
    same = {name: row[name] for name in ("key_version", "wrapped_key", "evidence", "month_key")}
    return RecordingKeys(**same, details=details, waveform=row["sealed_waveform"])
