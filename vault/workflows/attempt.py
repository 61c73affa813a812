"""One attempt to bring a recording in: its own key, its own object, and the row that names them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain import encryption_context as bound
from vault.domain.admission import CallSpan, Decision, decide
from vault.domain.call import CallFacts
from vault.domain.evidence import of_decision
from vault.domain.recording import Lease, Recording, State
from vault.domain.records import Details, encode_details
from vault.errors import Unavailable, VaultError
from vault.logs import Log
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.keys import KEY_BYTES, recording_key
from vault.sealing.message import seal
from vault.threads import Threads
from vault.workflows.seal_stream import seal_stream
from vault.workflows.seals import wrap_recording_key

_LOG = Log(__name__)


def objects_of(account_id: str, recording_id: str) -> str:
    """Return the prefix below which everything of a recording lies, its manifest aside."""
    return f"recordings/{account_id}/{recording_id}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Seal a stream into an object that only this attempt can have written, and move the row to stored.

    A retry is a new key, a new message and a new object: a worker that lost its lease can make
    garbage, which the sweep finds, and never overwrite.
    """

    database: Database
    ring: KeyRing
    objects: ObjectStore
    threads: Threads

    async def __call__(
        self, held: Lease, blocks: AsyncIterator[bytes], *, facts: CallFacts, decision: Decision
    ) -> Recording:
        """Return it stored. Raises TooLarge, Unavailable, LeaseLost, and what ``blocks`` raises."""
        recording = held.recording
        account_key = await self.ring.current(recording.account_id)
        key = recording_key(recording.id, secrets.token_bytes(KEY_BYTES))
        evidence = of_decision(decision, recording.id)
        location = f"{objects_of(recording.account_id, recording.id)}{secrets.token_hex(8)}.audio"
        context = bound.of_recording(recording.account_id, recording.id, "audio", evidence.digest)
        sealed = await seal_stream(
            blocks, key=key, context=context, objects=self.objects, location=location, threads=self.threads
        )
        details = Details(sha256=sealed.sha256, facts=facts, evidence=evidence.canonical)
        details_context = bound.of_recording(recording.account_id, recording.id, "details", evidence.digest)
        values = {
            "audio": sealed.sealed,
            "key_version": account_key.version,
            "wrapped_key": wrap_recording_key(account_key, recording.account_id, key, recording.id),
            "evidence": evidence.digest,
            "sealed_details": seal(key, details_context, encode_details(details)),
        }
        try:
            return await self.database.write(lambda tx: self._stored(tx, held, values))
        except VaultError:
            # The row belongs to another now, or was refused: this attempt's object is garbage.
            await asyncio.shield(discard(self.objects, location))
            raise

    @staticmethod
    def _stored(tx: Transaction, held: Lease, values: dict[str, object]) -> Recording:
        return tx.queue.move(held, State.STORED, **values, not_before=tx.now())


async def discard(objects: ObjectStore, location: str) -> None:
    """Delete an object that nothing names; the sweep does it later where the store does not answer now."""
    try:
        await objects.delete(location)
    except Unavailable:
        _LOG.warning("object.left_for_sweep")


def admit_again(tx: Transaction, recording: Recording, *, duration: timedelta | None = None) -> Decision:
    """Decide on a recording by the switch as this transaction sees it, and by all that was said of its call.

    The caller holds the account's shared lock where the answer must hold to the end.
    """
    switch = tx.accounts.switch(recording.account_id)
    history = tx.accounts.switch_history(recording.account_id)
    return decide(
        switch=switch,
        history=history,
        span=call_span(tx, recording, duration),
        epoch_at_receipt=recording.epoch,
    )


def call_span(tx: Transaction, recording: Recording, duration: timedelta | None = None) -> CallSpan:
    """Return when the call was, by its own facts and by what the recording's source said."""
    started: datetime | None = recording.call_started_at
    ended: datetime | None = recording.call_ended_at
    for row in tx.call_facts.of_call(recording.account_id, recording.call_ref):
        started = row.started_at or started
        ended = row.ended_at or ended
    return CallSpan(
        started_at=started,
        ended_at=ended,
        received_at=recording.received_at,
        duration=duration,
    )
