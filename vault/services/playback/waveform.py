"""The waveform of a recording. Reading it is logged as an access."""

from dataclasses import dataclass

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.media import BUCKETS
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.services.playback.log_allowance import Allowance
from vault.services.shared.encrypted_fields import open_recording


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadWaveform:
    """Return the peaks of an available recording."""

    database: Database
    ring: KeyRing
    clock: Clock
    allowance: Allowance

    async def __call__(
        self, account_id: str, recording_id: str, *, actor: str, session_id: str | None = None
    ) -> tuple[bytes, ...]:
        """Return BUCKETS (min, max) pairs of signed bytes per channel. Raises NotFound, TooMany."""
        if session_id is not None:
            await self.allowance.use(session_id)
        event = AccessEvent(
            type="waveform.read",
            at=self.clock(),
            account_id=account_id,
            actor=actor,
            recording_id=recording_id,
            session_id=session_id,
        )

        def take(tx: Transaction) -> tuple[Recording, RecordingKeys]:
            recording, keys = tx.recordings.get(account_id, recording_id), tx.recordings.keys(recording_id)
            if (
                recording is None
                or keys is None
                or recording.state is not State.AVAILABLE
                or recording.restricted
            ):
                raise NotFound("There is no playable recording with this id.")
            tx.events.append(event)
            return recording, keys

        recording, keys = await self.database.write(take)
        waveform = (await open_recording(self.ring, recording, keys)).waveform()
        if not waveform:
            raise NotFound("This recording has no waveform.")
        channel = 2 * BUCKETS
        return tuple(waveform[start : start + channel] for start in range(0, len(waveform), channel))
