"""Remove spans of audio from a recording, and prove it: a new object under a new key takes the place of the old one.

The new audio is made and proved first (``vault/services/ingest/remove_spans.py``). Only then one transaction changes
the row (``vault/services/lifecycle/redact.py``), and the old objects are deleted. A process that is killed before the
transaction leaves objects that no row names, and after it old objects whose key is gone:
``vault/services/recordings/sweep_orphans.py`` deletes both.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.recordings.card_data import CardDataPolicy
from vault.domain.recordings.recording import Recording, RecordingKeys, SealedObject
from vault.domain.recordings.redaction import MAX_REDACTIONS, Span, can_remove, checked_spans
from vault.errors import NotFound, ObjectLocked, Refused, Unavailable
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing, SealingKey
from vault.ports.objects import ObjectStore
from vault.sentence import Sentence
from vault.services.ingest.remove_spans import RemoveSpans
from vault.services.ingest.store_attempt import discard
from vault.services.ingest.without_cards import require_no_card, statement_of
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.lifecycle.lifecycle import WORKER
from vault.services.lifecycle.redact import NewAudio, redact, redactable
from vault.services.shared.encrypted_fields import OpenedRecording, open_recording
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import retry_with_month_key
from vault.structured_log import Log

_LOG = Log(__name__)
_FORMAT: Final = (
    "The vault could not decode this recording, so nothing can be removed from it. Erase it, or restrict it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactRecording:
    """Remove spans of audio from available recordings."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    remove: RemoveSpans
    clock: Clock

    async def __call__(
        self,
        account_id: str,
        recording_id: str,
        spans: Sequence[Span],
        *,
        reason: str,
        actor: str,
        found: bool = False,
    ) -> None:
        """Remove the spans. When this returns, nobody hears them any more: the old key is gone from the row.

        ``found``: the detector of keyed digits has found them, and must not find them in the new audio.
        The old manifest, with the old key, is replaced within seconds, and so is the provider's copy deleted.
        Raises NotFound, RecordingErased, Invalid (``ranges``), Refused for another state or format, Held, Busy if the
        recording changes meanwhile, Unavailable, Tampered.
        """
        said = {"by": actor, "reason": reason}
        await self._redact(account_id, recording_id, spans, said, actor=actor, found=found)

    async def by_policy(
        self,
        recording: Recording,
        spans: Sequence[Span],
        policy: CardDataPolicy,
        *,
        also: Callable[[Transaction, NewAudio], None],
    ) -> None:
        """Remove card numbers that the detector has found, because a policy of the account wants it.

        ``also`` is done in the transaction of the change, and undoes it by raising. Raises as a removal by a person.
        """

        def also_without_cards(tx: Transaction, new: NewAudio) -> None:
            require_no_card(new)
            also(tx, new)

        await self._redact(
            recording.account_id, recording.id, spans, statement_of(policy),
            actor=WORKER, found=True, also=also_without_cards,
        )  # fmt: skip

    async def _redact(
        self,
        account_id: str,
        recording_id: str,
        spans: Sequence[Span],
        said: Mapping[str, Any],
        *,
        actor: str,
        found: bool,
        also: Callable[[Transaction, NewAudio], None] | None = None,
    ) -> None:
        recording, keys = await self.database.read(lambda tx: _readable(tx, account_id, recording_id))
        removed = checked_spans(spans, duration=recording.duration or 0.0, channels=recording.channels or 0)
        before = await open_recording(self.ring, recording, keys)
        await self._require_few(before)
        # Whoever dies on the way leaves objects that no row names.
        await self.database.write(lambda tx: tx.object_checks.note(recording_id, account_id))
        made: list[SealedObject] = []
        try:
            new = await self.remove(before, removed, made, found=found)
            new = replace(new, statement={**said, **new.statement})
            await self._write(new, actor, also)
        except Unavailable:
            # The row may name the new objects: the reply to the commit may be lost.
            raise
        except BaseException:
            await asyncio.shield(self._discard(made))
            raise
        await self._delete_old(recording)

    async def _require_few(self, before: OpenedRecording) -> None:
        """Raise Refused if so much was removed that one call should have done it."""
        rows = await self.database.read(lambda tx: tx.evidence.of_recording(before.recording.id))
        kinds = [open_entry(before, row).content["kind"] async for row in paced(rows)]
        if kinds.count("redaction") >= MAX_REDACTIONS:
            text = Sentence(
                "Spans were removed %(most)s times already, which is the most.", most=MAX_REDACTIONS
            )
            raise Refused(text, reasons=("too_many_redactions",))

    async def _write(
        self, new: NewAudio, actor: str, also: Callable[[Transaction, NewAudio], None] | None
    ) -> None:
        recording, at = new.before.recording, self.clock()

        async def wrap_and_write(key: SealingKey) -> None:
            wrapped = new.under(key)

            def change(tx: Transaction) -> None:
                redact(tx, wrapped, actor=actor, at=at)
                if also is not None:
                    also(tx, wrapped)

            await self.database.write(change)

        await retry_with_month_key(self.ring, recording.account_id, recording.received_at, wrap_and_write)

    async def _delete_old(self, recording: Recording) -> None:
        """Delete every version of the old objects. What a lock keeps, or an outage, is left to the sweep."""
        for location in recording.locations:
            try:
                await self.objects.delete(location)
            except (Unavailable, ObjectLocked) as error:
                _LOG.warning("redact.object_left", recording_id=recording.id, reason=type(error).__name__)

    async def _discard(self, made: Sequence[SealedObject]) -> None:
        for one in made:
            await discard(self.objects, one.location)


def _readable(tx: Transaction, account_id: str, recording_id: str) -> tuple[Recording, RecordingKeys]:
    recording = redactable(tx, account_id, recording_id)
    keys = tx.recordings.keys(recording_id)
    if keys is None or recording.audio is None:
        raise NotFound("This recording has no audio.")
    if not can_remove(recording.container, recording.codec):
        raise Refused(_FORMAT, reasons=("format",))
    return recording, keys
