"""Remove keyed card numbers from a recording that arrives, where its account wants that: before anybody can hear it.

It happens between the decoder and the gate, under the lease of the recording. What cannot be removed waits in
quarantine (``vault/services/admission/gate.py``), so that nobody hears a card number for want of a proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vault.database.interface import Database
from vault.domain.recordings.card_data import CardDataPolicy, FoundDigits
from vault.domain.recordings.recording import SealedObject
from vault.domain.recordings.redaction import checked_spans
from vault.errors import Refused
from vault.rfc3339 import write_rfc3339
from vault.services.ingest.remove_spans import RemoveSpans
from vault.services.lifecycle.audio_columns import Described
from vault.services.lifecycle.lifecycle import WORKER
from vault.services.lifecycle.redact import NewAudio
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.structured_log import Log

_LOG = Log(__name__)
#: Why, for the evidence.
REASON: Final = "card_data_policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutCards:
    """Make the audio of a recording without the card numbers that were keyed in it."""

    database: Database
    remove: RemoveSpans

    async def __call__(
        self, opened: OpenedRecording, found: Described, policy: CardDataPolicy, made: list[SealedObject]
    ) -> NewAudio | None:
        """Return the new audio; None where there is nothing to remove, or where it cannot be removed and proved.

        Its objects are added to ``made``. Raises Tampered, NotFound, Unavailable.
        """
        cards = found.card_numbers
        if policy.keyed_digits != "redact" or not cards:
            return None
        recording = opened.recording
        # Whoever dies on the way leaves objects that no row names.
        await self.database.write(lambda tx: tx.object_checks.note(recording.id, recording.account_id))
        try:
            new = await self._without(opened, found, cards, made)
        except Refused as error:
            _LOG.warning("card_data.left", recording_id=recording.id, reason=error.reasons[0])
            return None
        return replace(new, statement={**statement_of(policy), **new.statement})

    async def _without(
        self,
        opened: OpenedRecording,
        found: Described,
        cards: Sequence[FoundDigits],
        made: list[SealedObject],
    ) -> NewAudio:
        audio = found.columns
        recording = replace(
            opened.recording,
            container=audio["container"], codec=audio["codec"], channels=audio["channels"],
            sample_rate=audio["sample_rate"], duration=audio["duration"], damaged=audio["damaged"],
        )  # fmt: skip
        duration = audio["duration"]
        spans = checked_spans(
            [digits.span(duration) for digits in cards], duration=duration, channels=audio["channels"]
        )
        new = await self.remove(replace(opened, recording=recording), spans, made, found=True)
        require_no_card(new)
        return new


def require_no_card(new: NewAudio) -> None:
    """Raise Refused if the detector finds a card number in what is left."""
    if any(digits.kind == "card_number" for digits in new.keyed_digits):
        raise Refused("A card number is in what is left.", reasons=("not_proved",))


def statement_of(policy: CardDataPolicy) -> dict[str, Any]:
    """Return who removes what a policy wants removed, and why, for the evidence."""
    at = None if policy.changed_at is None else write_rfc3339(policy.changed_at)
    return {"by": WORKER, "reason": REASON, "policy": {"set_by": policy.changed_by, "set_at": at}}
