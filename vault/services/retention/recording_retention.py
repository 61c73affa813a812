"""Why a recording is still here: every period, minimum, maximum and hold that concerns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.retention.holds import PendingErasure
from vault.database.transaction import Transaction
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.recordings.recording import GONE, Recording
from vault.domain.retention.hold import Hold
from vault.domain.retention.judge import Judgement, judge
from vault.domain.retention.terms import ContactEnd, RetentionTerms
from vault.errors import NotFound, RecordingErased, Tampered
from vault.services.retention.compute_terms import ComputeTerms
from vault.services.retention.retention_policy import open_policies
from vault.services.shared.account_data_keys import AccountDataKeys

#: Holds whose leaves are searched: each costs some twenty reads.
_MAX_HOLDS: Final = 20
#: Events are in the tree nearly in the order of their times: nodes and transactions differ by less.
_TOLERANCE: Final = timedelta(minutes=5)
_BATCH_SIZE: Final = 200
#: Max events that are read around the time.
_MAX_READ: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRetention:
    """The retention of one recording."""

    judgement: Judgement
    terms: RetentionTerms
    #: Since when an erasure that a person asked for waits.
    pending_since: datetime | None
    #: What was said of the end of its contact.
    contact: ContactEnd | None = None
    #: Leaves of the policy and of the holds that keep it, by version (``v3``) or id, as far as they are found.
    leaves: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRetention:
    """Show the retention of a recording, computed from the current policies."""

    database: Database
    data_keys: AccountDataKeys
    compute: ComputeTerms

    async def proven(self, account_id: str, recording_id: str) -> RecordingRetention:
        """Return it with the leaves of the log that it rests on. Raises as ``__call__`` does."""
        found = await self(account_id, recording_id)
        leaves = await self.database.read(lambda tx: _leaves(tx, account_id, found))
        return replace(found, leaves=leaves)

    async def __call__(self, account_id: str, recording_id: str) -> RecordingRetention:
        """Return it without leaves.

        Raises NotFound, RecordingErased, Tampered for a policy, or facts of its call, that cannot be read.
        """
        policies = await self.database.read(lambda tx: tx.retention.policies(account_id, tx.now()))
        opened = await open_policies(self.data_keys, account_id, policies)
        notice_periods = await self.compute.notice_periods(account_id)
        recording, holds, pending, contact, now = await self.database.read(
            lambda tx: _read(tx, account_id, recording_id)
        )
        facts = await self.compute.facts([recording], opened, notice_periods)
        if facts.unreadable:
            raise Tampered("The facts of the recording's call cannot be read.")
        if not facts.found:
            raise RecordingErased("The recording was erased.")
        terms = facts.found[0].terms(opened)
        wish = None if pending is None else pending.wish
        return RecordingRetention(
            judgement=judge(terms, holds, wish, now),
            terms=terms,
            pending_since=None if pending is None else pending.since,
            contact=contact,
        )


def _leaves(tx: Transaction, account_id: str, found: RecordingRetention) -> dict[str, int]:
    now, version = tx.now(), found.terms.version
    events: list[tuple[EventType, str, datetime]] = [
        ("retention.changed", f"v{version}", policy.changed_at)
        for policy in tx.retention.history(account_id, after=version - 1, limit=1)
        if policy.version == version and policy.changed_at is not None
    ]
    holding = {reason.source for reason in found.judgement.reasons if reason.code == "held"}
    holds = [hold for hold in tx.holds.in_effect(account_id, now) if hold.id in holding]
    events += [("hold.placed", hold.id, hold.placed_at) for hold in holds[:_MAX_HOLDS]]
    indexes = {result: find_leaf(tx, account_id, kind, result, at) for kind, result, at in events}
    return {result: index for result, index in indexes.items() if index is not None}


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


def find_leaf(tx: Transaction, account_id: str, kind: EventType, result: str, at: datetime) -> int | None:
    """Return the index of an account's event; None if it is not in the tree yet, or not near that time.

    Costs a search by halves, of some twenty small reads, and at most ten pages of events.
    """
    start, read = _first_from(tx, account_id, at - _TOLERANCE), 0
    while read < _MAX_READ:
        page = tx.events.page(account_id, recording_id=None, start=start, limit=_BATCH_SIZE)
        for logged in page:
            if logged.event.at > at + _TOLERANCE:
                return None
            if logged.event.type == kind and logged.event.result == result:
                return logged.index
        if len(page) < _BATCH_SIZE:
            return None
        start, read = page[-1].index + 1, read + len(page)
    return None


def _first_from(tx: Transaction, account_id: str, since: datetime) -> int:
    """Return an index from which on the account's events are not older than ``since``, but for a few."""
    low, high = 0, tx.tree.head().size
    while low < high:
        middle = (low + high) // 2
        following = tx.events.page(account_id, recording_id=None, start=middle, limit=1)
        if not following or following[0].index >= high or following[0].event.at >= since:
            high = middle
        else:
            low = following[0].index + 1
    return low
