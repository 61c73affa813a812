"""Why a recording is still here: every period, minimum, maximum and hold that concerns it."""

from dataclasses import dataclass
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.holds import PendingErasure
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE, Recording
from vault.domain.retention.contact_end import ContactEnd
from vault.domain.retention.hold import Hold
from vault.domain.retention.judge import Judgement, Wish, judge
from vault.domain.retention.terms import RetentionTerms
from vault.errors import NotFound, RecordingErased
from vault.services.retention.compute_terms import ComputeTerms
from vault.services.retention.retention_policy import open_policies
from vault.services.shared.account_data_keys import AccountDataKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRetention:
    """The retention of one recording."""

    judgement: Judgement
    terms: RetentionTerms
    #: Since when an erasure that a person asked for waits.
    pending_since: datetime | None
    #: What was said of the end of its contact.
    contact: ContactEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRetention:
    """Show the retention of a recording, computed from the current policies."""

    database: Database
    data_keys: AccountDataKeys
    compute: ComputeTerms

    async def __call__(self, account_id: str, recording_id: str) -> RecordingRetention:
        """Return it. Raises NotFound, RecordingErased, Tampered for a policy that cannot be read."""
        policies = await self.database.read(lambda tx: tx.retention.policies(account_id, tx.now()))
        opened = await open_policies(self.data_keys, account_id, policies)
        notice_periods = await self.compute.notice_periods(account_id)
        recording, holds, pending, contact, now = await self.database.read(
            lambda tx: _read(tx, account_id, recording_id)
        )
        facts = await self.compute.facts([recording], opened, notice_periods)
        if not facts:
            raise RecordingErased("The recording was erased.")
        terms = facts[0].terms(opened)
        wish: Wish | None = None
        if pending is not None:
            wish = "withdrawal" if pending.cause == "withdrawal" else "request"
        return RecordingRetention(
            judgement=judge(terms, holds, wish, now),
            terms=terms,
            pending_since=None if pending is None else pending.since,
            contact=contact,
        )


def _read(
    tx: Transaction, account_id: str, recording_id: str
) -> tuple[Recording, list[Hold], PendingErasure | None, ContactEnd | None, datetime]:
    recording, now = tx.recordings.get(account_id, recording_id), tx.now()
    if recording is None:
        raise NotFound("There is no such recording.")
    if recording.state in GONE:
        raise RecordingErased("The recording was erased.")
    holds, contacts = tx.holds.covering(recording, now), tx.contact_ends.of_recordings([recording_id])
    return recording, holds, tx.pending_erasures.get(recording_id), contacts.get(recording_id), now
