"""The removal of a span of audio, and how one sees on any database that it is not heard."""

from typing import Any, Final

from tests.support.parties import ME
from tests.support.service_house import House
from vault.domain.recordings.redaction import Span
from vault.errors import RecordingMissing


async def _redact(house: House, recording_id: str) -> None:
    await house.vault.recordings.recordings.redact(
        house.account.id, recording_id, [Span(begin_ms=0, end_ms=100)], reason="card data", **ME
    )


async def _is_redacted(house: House, recording_id: str) -> bool:
    try:
        heard = await house.heard(recording_id)
    except RecordingMissing:
        return False  # The row of an older database names the object that was deleted.
    return heard[44:1644] == bytes(1600) and any(heard[1644:])


REDACTION: Final[dict[str, Any]] = {"close": _redact, "closed": _is_redacted}
