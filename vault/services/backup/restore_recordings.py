"""Restore recordings: tombstones, manifests, and the log's changes to existing rows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from vault.database.interface import Database
from vault.database.stores.call_facts import CallFactRow
from vault.database.stores.consent import EvidenceRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.replay import Replay
from vault.domain.calls.call import CallFacts
from vault.domain.ids import new_id
from vault.domain.progress import ProgressCallback, Report
from vault.domain.recordings.recording import Recording, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.evidence import Evidence, decode_call_fields
from vault.domain.stored.manifest import Manifest, decode_manifest, location_of
from vault.domain.stored.sealed_records import encode_facts
from vault.domain.stored.tombstone import PREFIX as TOMBSTONES
from vault.domain.stored.tombstone import decode_tombstones
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.message import seal
from vault.services.admission.admission import Admission
from vault.services.backup.restore_log import Divergence
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.lifecycle.lifecycle import reapply_erasure
from vault.services.lifecycle.restore import restore_available, restore_refusal, restore_tombstone
from vault.services.shared.encrypted_fields import open_recording, statement_id
from vault.services.shared.iter_recordings import available_recordings

_MANIFESTS = "manifests/"
#: Recordings decrypted concurrently and written in one transaction.
_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedManifest:
    """A manifest whose key unwraps, with the recording's search terms."""

    manifest: Manifest
    terms: Sequence[bytes]
    #: The facts of its call, re-encrypted.
    facts: Sequence[CallFactRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRecordings:
    """Restores recordings from the object store, except those that the log has closed since."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    admission: Admission

    async def tombstones(self, report: Report, progress: ProgressCallback) -> None:
        """Restore recordings that were refused, failed or erased."""
        done = 0
        async for stored in self.objects.list(TOMBSTONES):
            try:
                recordings = decode_tombstones(await self.objects.get(stored.key))
            except Tampered as error:
                report.findings.append(f"{stored.key}: {error}")
                continue
            # Apply erasures after refusals, independent of the order in the listing.
            recordings.sort(key=lambda recording: recording.state is State.ERASED)
            await self.database.write(
                lambda tx, batch=recordings: [restore_tombstone(tx, row) for row in batch] and None  # type: ignore[misc]
            )
            done += len(recordings)
            await progress("tombstones", done, 0)
        report.add("tombstones", done)

    async def manifests(self, divergence: Divergence, report: Report, progress: ProgressCallback) -> set[str]:
        """Restore recordings that have a manifest; return their ids."""
        ids: set[str] = set()
        replay, own = divergence.lost, divergence.own.recordings
        async for keys in _batches(stored.key async for stored in self.objects.list(_MANIFESTS)):
            opened = await asyncio.gather(*(self._open(key, replay, report) for key in keys))
            usable = [manifest for manifest in opened if manifest is not None]
            placed, refused = await self.database.write(lambda tx, batch=usable: _put(tx, batch, own))  # type: ignore[misc]
            ids.update(placed)
            for location in refused:
                report.findings.append(f"{location}: another recording has the same name in its source.")
            await progress("manifests", len(ids), 0)
        report.add("available", len(ids))
        return ids

    async def replay(self, divergence: Divergence, report: Report, progress: ProgressCallback) -> None:
        """Apply the anchored log's changes to existing rows; closing acts are never undone."""
        replay, own = divergence.lost, divergence.own
        changes: list[Callable[[Transaction], object]] = [
            *(partial(_erase, id_) for id_ in replay.erased),
            *(partial(_refuse, id_, code, id_ in own.recordings) for id_, code in replay.refused.items()),
            *(
                partial(_restrict, id_, restricted)
                for id_, restricted in replay.restricted.items()
                if restricted or not own.restricted.get(id_)
            ),
            *(partial(_revoke_link, id_, at) for id_, at in replay.revoked_links.items()),
            *(partial(_revoke_key, id_, at) for id_, at in replay.revoked_keys.items()),
            *(partial(_delete_connection, id_) for id_ in replay.deleted_connections),
        ]
        for start in range(0, len(changes), _BATCH_SIZE):
            batch = changes[start : start + _BATCH_SIZE]
            results = await self.database.write(lambda tx, batch=batch: [change(tx) for change in batch])  # type: ignore[misc]
            report.add("erased", sum(result is True for result in results))
            await progress("log entries", start + len(batch), len(changes))

    async def without_manifest(
        self, ids: set[str], divergence: Divergence, report: Report
    ) -> Sequence[Recording]:
        """Restrict recordings that are available in the database but have no manifest; return them.

        An erasure may have deleted the manifest just before the log was lost. So such a recording cannot be played
        before a person has checked it. Recordings that became available since the divergence are excluded: their
        manifest may still be due.
        """
        known = ids | divergence.own.available
        found = [
            recording async for recording in available_recordings(self.database) if recording.id not in known
        ]
        for recording in found:
            await self.database.write(partial(_restrict, recording.id, True))
            report.findings.append(
                f"{recording.id}: it is available and its manifest is missing. It may have been erased shortly "
                "before the database was lost, so it is restricted now: lift that, or erase it."
            )
        return found

    async def _open(self, key: str, replay: Replay, report: Report) -> OpenedManifest | None:
        """Decrypt a manifest; if it cannot be used, add a finding and return None."""
        try:
            manifest = _named(key, decode_manifest(await self.objects.get(key)))
            recording = manifest.recording
            if recording.id in replay.erased:
                # The state ERASING makes the worker delete its remains.
                erasing = replace(recording, state=State.ERASING)
                await self.database.write(lambda tx: restore_tombstone(tx, erasing))
                report.add("erased")
                return None
            if recording.id in replay.refused:
                return None
            restricted = replay.restricted.get(recording.id, recording.restricted)
            known = replace(manifest, recording=replace(recording, restricted=restricted))
            return await self._with_facts(known)
        except (Tampered, NotFound, OwnKeyUnusable) as error:
            report.findings.append(f"{key}: {error}")
            return None

    async def _with_facts(self, manifest: Manifest) -> OpenedManifest:
        """Return the manifest with the call facts from its evidence. Raises Tampered, NotFound."""
        recording = manifest.recording
        opened = await open_recording(self.ring, recording, manifest.keys)
        calls = decode_call_fields(Evidence(canonical=opened.details().evidence).content)
        for position, (digest, sealed) in enumerate(manifest.chain, 1):
            row = EvidenceRow(
                account_id=recording.account_id, recording_id=recording.id, position=position, digest=digest,
                sealed_entry=sealed,
            )  # fmt: skip
            calls += decode_call_fields(open_entry(opened, row).content)
        index_key = await self.admission.index_key(recording.account_id)
        terms = [term for call in calls for term in await self.admission.terms_of(recording.account_id, call)]
        key = await self.ring.current(recording.account_id)
        facts = [
            _row(recording, key, call, position=position, delivery=statement_id(index_key, call))
            for position, call in enumerate(dict.fromkeys(calls))
        ]
        return OpenedManifest(manifest=manifest, terms=terms, facts=facts)


def _named(key: str, manifest: Manifest) -> Manifest:
    """Return the manifest. Raises Tampered if its key is that of another recording."""
    if location_of(manifest.recording.account_id, manifest.recording.id) != key:
        raise Tampered("Its content does not match its key.")
    return manifest


def _put(
    tx: Transaction, opened: Sequence[OpenedManifest], own: Collection[str]
) -> tuple[list[str], list[str]]:
    """Write rows, terms and facts; return the ids that have rows now, and the locations of refused manifests."""
    placed, refused = [], []
    for restored in opened:
        recording = restored.manifest.recording
        if restore_available(tx, restored.manifest, keep=recording.id in own):
            placed.append(recording.id)
            tx.recordings.index(recording.account_id, recording.id, restored.terms)
            # Recordings of one call have different facts of it; duplicates are not added.
            for row in restored.facts:
                tx.call_facts.add(row)
            tx.call_facts.index(recording.account_id, recording.call_ref, restored.terms)
        elif tx.recordings.by_id(recording.id) is None:
            refused.append(location_of(recording.account_id, recording.id))
    return placed, refused


def _row(
    recording: Recording, key: AccountKey, facts: CallFacts, *, position: int, delivery: str
) -> CallFactRow:
    account_id, fact_id = recording.account_id, new_id("fact")
    return CallFactRow(
        id=fact_id,
        account_id=account_id,
        call_ref=recording.call_ref,
        delivery=delivery,
        # Facts are read in the order of this time.
        at=recording.received_at + timedelta(microseconds=position),
        started_at=facts.started_at,
        ended_at=facts.ended_at,
        sealed_facts=seal(key.key, bound.of_call_fact(account_id, fact_id), encode_facts(facts)),
        key_version=key.version,
    )


def _erase(recording_id: str, tx: Transaction) -> bool:
    recording = tx.recordings.by_id(recording_id)
    if recording is None or recording.state in {State.ERASING, State.ERASED}:
        return False
    reapply_erasure(tx, recording)
    return True


def _refuse(recording_id: str, code: str, own: bool, tx: Transaction) -> None:  # noqa: FBT001 - bound by place
    restore_refusal(tx, recording_id, code)
    if own:
        # It was admitted since, by a database that lacked the refusal.
        _restrict(recording_id, True, tx)


def _restrict(recording_id: str, restricted: bool, tx: Transaction) -> None:  # noqa: FBT001 - bound by place
    tx.recordings.restrict(recording_id, restricted=restricted)
    # The restored manifest may be out of date.
    tx.queue.rewrite_manifest(recording_id)


def _revoke_link(link_id: str, at: datetime, tx: Transaction) -> None:
    tx.links.revoke(link_id, at)


def _revoke_key(key_id: str, at: datetime, tx: Transaction) -> None:
    tx.api_keys.revoke(key_id, at)


def _delete_connection(connection_id: str, tx: Transaction) -> None:
    # The restored account object may be older than the deletion.
    connection = tx.connections.get(connection_id)
    if connection is not None:
        tx.connections.delete(connection)


async def _batches(keys: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for key in keys:
        batch.append(key)
        if len(batch) == _BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch
