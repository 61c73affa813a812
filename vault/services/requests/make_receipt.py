"""Close a request whose decision is carried out: check what is left, write the receipt, and log its digest."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from vault.database.interface import Database
from vault.database.stores.requests.requests import SealedReceipt
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.crm.verdict import Residue
from vault.domain.handover.handover import StoredHandover
from vault.domain.handover.integration import StoredIntegration
from vault.domain.recordings.recording import Recording, State
from vault.domain.requests.decision import effect_of, outcome_of
from vault.domain.requests.receipt import (
    CallOutcome,
    Checked,
    HandoverOutcome,
    LeafName,
    ProviderCopy,
    RecordingOutcome,
    closure_statement,
    statement,
)
from vault.domain.requests.request import Request, RequestState, Trace
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.manifest import location_of
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.message import seal
from vault.services.ingest.store_attempt import objects_of
from vault.services.requests.sealed_requests import append_event, ruling_of, sealed_row
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.tlog.note import Signer
from vault.tlog.receipt_file import write_canonical
from vault.version import VERSION

_SALT_BYTES: Final = 32
#: Events of a recording per read, from the newest back to its erasure.
_EVENTS: Final = 50
_SHOWN: Final = frozenset({"recording.erasing", "recording.erased", "source.deleted", "source.kept"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeReceipt:
    """Make receipts. Refusals, and requests for which nothing was found, get one too."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    signer: Signer

    async def trace(self, account_id: str, recording_id: str) -> Trace:
        """Return what a receipt says of a recording that is about to be erased."""
        recording = await self.database.read(lambda tx: tx.recordings.get(account_id, recording_id))
        audio = None if recording is None else recording.audio
        return Trace(
            header_sha256=None if audio is None else hashlib.sha256(audio.header).hexdigest(),
            versions=await self._versions(account_id, recording_id),
        )

    async def close_if_done(self, request: Request) -> bool:
        """Close the request if everything is done; False while an object, a provider or the log is waited for."""
        rows = await self.database.read(lambda tx: _rows(tx, request))
        if any(_is_waiting(request, recording, leaves) for recording, leaves in rows):
            return False
        recordings = [await self._outcome(request, *row) for row in rows]
        if any(outcome.versions_left and outcome.locked_until is None for outcome in recordings):
            return False
        await self._close(request, recordings)
        return True

    async def _outcome(
        self, request: Request, recording: Recording, leaves: Sequence[LeafName]
    ) -> RecordingOutcome:
        ruling = ruling_of(request)
        verdict = ruling.verdict_on(recording.id)
        if effect_of(request.kind, verdict) != "erase":
            return RecordingOutcome(id=recording.id, verdict=verdict, provider_copy="not_asked")
        trace = ruling.traces.get(recording.id)
        row = await self.database.read(lambda tx: tx.object_locks.get(recording.id))
        return RecordingOutcome(
            id=recording.id,
            verdict=verdict,
            header_sha256=None if trace is None else trace.header_sha256,
            versions_before=None if trace is None else trace.versions,
            versions_left=await self._versions(recording.account_id, recording.id),
            locked_until=None if row is None else row.locked_until,
            provider_copy=_provider_copy(recording),
            handovers=await self.database.read(lambda tx: _handovers(tx, recording)),
            leaves=leaves,
        )

    async def _versions(self, account_id: str, recording_id: str) -> int:
        """Count the versions and delete markers of a recording's objects, as the store lists them now."""
        count = 0
        for prefix in (objects_of(account_id, recording_id), location_of(account_id, recording_id)):
            async for _ in self.objects.versions(prefix):
                count += 1
        return count

    async def _close(self, request: Request, recordings: Sequence[RecordingOutcome]) -> None:
        now = await self.database.read(lambda tx: tx.now())
        calls = Counter(ruling_of(request).verdict_on(ref).code for ref in ruling_of(request).calls)
        codes = {*(outcome.verdict.code for outcome in recordings), *calls}
        state = outcome_of(request.kind, codes or {ruling_of(request).default.code})
        # A request that waited for a hold was answered when it was closed first.
        closed_at = request.closed_at or now
        closed = replace(request, state=state, closed_at=closed_at, revision=request.revision + 1)
        text = self._statement(closed, recordings, calls, at=now)
        await self._log(closed, text, at=now)

    def _statement(
        self,
        closed: Request,
        recordings: Sequence[RecordingOutcome],
        calls: Mapping[str, int],
        *,
        at: datetime,
    ) -> bytes:
        return write_canonical(
            statement(
                closed,
                log=self.signer.name,
                salt=secrets.token_bytes(_SALT_BYTES),
                recordings=recordings,
                calls=[CallOutcome(code=code, calls=count) for code, count in sorted(calls.items())],
                checked=Checked(at=at, release=VERSION),
            )
        )

    async def close_account(self, request: Request, destroyed: Sequence[int]) -> None:
        """Close the closure of an account of which nothing is left, with its receipt.

        ``destroyed`` are the versions of the account's key that were destroyed at its end.
        """

        def read(tx: Transaction) -> tuple[datetime, int]:
            return tx.now(), tx.closures.erased(request.account_id)

        now, erased = await self.database.read(read)
        closed = replace(request, state=RequestState.FULFILLED, closed_at=now, revision=request.revision + 1)
        text = write_canonical(
            closure_statement(
                closed,
                log=self.signer.name,
                recordings=erased,
                key_versions=destroyed,
                is_exported=ruling_of(request).reason is not None,
                checked=Checked(at=now, release=VERSION),
            )
        )
        await self._log(closed, text, at=now)

    async def _log(self, closed: Request, text: bytes, *, at: datetime) -> None:
        made = AccessEvent(
            type="receipt.made",
            at=at,
            account_id=closed.account_id,
            actor="worker",
            result=closed.id,
            evidence=hashlib.sha256(text).hexdigest(),
        )
        await retry_if_rotated(
            self.ring, closed.account_id, lambda key: self._write(key, closed, text, made, at=at)
        )

    async def _write(
        self, key: AccountKey, closed: Request, text: bytes, made: AccessEvent, *, at: datetime
    ) -> None:
        message = seal(key.key, bound.of_receipt(closed.account_id, closed.id), text)

        def close(tx: Transaction) -> None:
            tx.lock_account(closed.account_id)
            receipt = SealedReceipt(
                message=message, key_version=key.version, event_id=made.id, log_size=tx.tree.head().size
            )
            tx.requests.close(sealed_row(key, closed), receipt)
            tx.events.append(made)
            append_event(tx, closed, "request.closed", actor="worker", at=at)

        await self.database.write(close)


def _rows(tx: Transaction, request: Request) -> Sequence[tuple[Recording, Sequence[LeafName]]]:
    """Return the recordings that the decision names, and the leaves that show their erasure, oldest first."""
    found = []
    for recording_id in ruling_of(request).recordings:
        recording = tx.recordings.get(request.account_id, recording_id)
        if recording is None:
            continue
        found.append((recording, _leaves(tx, recording) if recording.state is State.ERASED else []))
    return found


def _leaves(tx: Transaction, recording: Recording) -> Sequence[LeafName]:
    """Return the leaves of an erasure, oldest first, however much was logged after it; not all are in the tree yet."""
    found: list[LeafName] = []
    before: int | None = None
    while True:
        page = tx.events.newest(recording.account_id, recording.id, before=before, limit=_EVENTS)
        found += [LeafName(type=one.event.type, index=one.index) for one in page if one.event.type in _SHOWN]
        if len(page) < _EVENTS or any(leaf.type == "recording.erasing" for leaf in found):
            return found[::-1]
        before = page[-1].index


def _is_waiting(request: Request, recording: Recording, leaves: Sequence[LeafName]) -> bool:
    """Return whether a recording is to be erased and is not, or the log does not show it yet."""
    if effect_of(request.kind, ruling_of(request).verdict_on(recording.id)) != "erase":
        return False
    shown = {leaf.type for leaf in leaves}
    if recording.state is not State.ERASED or "recording.erased" not in shown:
        return True
    return recording.source_policy != "keep" and recording.source_deleted_at is None


def _provider_copy(recording: Recording) -> ProviderCopy:
    if recording.source_deleted_at is not None:
        return "deleted"
    return "none" if recording.source_ref is None else "not_deletable"


def _handovers(tx: Transaction, recording: Recording) -> Sequence[HandoverOutcome]:
    """Return what became of what was written of a recording to other systems."""
    found = list[HandoverOutcome]()
    for one in tx.handovers.of_recording(recording.id):
        integration = tx.integrations.get(one.account_id, one.integration_id)
        if one.sent_at is None or integration is None:
            continue
        found.append(
            HandoverOutcome(
                integration_id=one.integration_id,
                system=integration.system,
                outcome=_outcome_of(one, integration),
                residue=one.residue,
            )
        )
    return found


def _outcome_of(
    handover: StoredHandover, integration: StoredIntegration
) -> Literal["removed", "told", "waiting", "left"]:
    if handover.state == "absent":
        return "told" if Residue.TOLD in handover.residue else "removed"
    return "left" if integration.state == "ended" else "waiting"
