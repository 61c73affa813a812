"""The recordings of a restore: tombstones, manifests, and what the log says of those that are there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from vault.domain.audit_log.replay import Replay
from vault.domain.calls.call import CallFacts
from vault.domain.ids import new_id
from vault.domain.progress import ProgressCallback, Report
from vault.domain.recordings.recording import Recording, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.evidence import Evidence, calls_in
from vault.domain.stored.manifest import Manifest, decode_manifest, location_of
from vault.domain.stored.sealed_records import encode_facts
from vault.domain.stored.tombstone import PREFIX as TOMBSTONES
from vault.domain.stored.tombstone import decode_tombstones
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.ports.consent_stores import EvidenceRow
from vault.ports.database import Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.objects import ObjectStore
from vault.ports.stores import CallFactRow
from vault.sealing.message import seal
from vault.services.admission.case import Admission
from vault.services.admission.evidence_chain import open_entry
from vault.services.backup.restore_log import Divergence
from vault.services.shared.encrypted_fields import open_recording, statement_id
from vault.services.shared.iter_recordings import available_recordings

_MANIFESTS = "manifests/"
#: Recordings that are opened at once and written in one transaction.
_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedManifest:
    """A manifest whose key was tried, with the terms under which its recording is found."""

    manifest: Manifest
    terms: Sequence[bytes]
    #: What was said of its call, sealed anew.
    facts: Sequence[CallFactRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRecordings:
    """Bring recordings to what lies in the object store, but for what the log has meanwhile taken back."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    admission: Admission

    async def tombstones(self, report: Report, progress: ProgressCallback) -> None:
        """Bring in what was refused, failed or erased."""
        done = 0
        async for stored in self.objects.list(TOMBSTONES):
            try:
                recordings = decode_tombstones(await self.objects.get(stored.key))
            except Tampered as error:
                report.findings.append(f"{stored.key}: {error}")
                continue
            # An erasure comes after a refusal, in whichever order their objects are listed.
            recordings.sort(key=lambda one: one.state is State.ERASED)
            await self.database.write(
                lambda tx, some=recordings: [tx.restored.tombstone(one) for one in some] and None  # type: ignore[misc]
            )
            done += len(recordings)
            await progress("tombstones", done, 0)
        report.add("tombstones", done)

    async def manifests(self, parted: Divergence, report: Report, progress: ProgressCallback) -> set[str]:
        """Bring in what has a manifest; return the ids."""
        ids: set[str] = set()
        replay, own = parted.lost, parted.own.recordings
        async for keys in _batches(stored.key async for stored in self.objects.list(_MANIFESTS)):
            opened = await asyncio.gather(*(self._open(key, replay, report) for key in keys))
            good = [one for one in opened if one is not None]
            placed, refused = await self.database.write(lambda tx, some=good: _put(tx, some, own))  # type: ignore[misc]
            ids.update(placed)
            for place in refused:
                report.findings.append(f"{place}: another recording has its name in its source.")
            await progress("manifests", len(ids), 0)
        report.add("available", len(ids))
        return ids

    async def replay(self, parted: Divergence, report: Report, progress: ProgressCallback) -> None:
        """Do to rows that were there what the log says happened to them since; what is closed stays closed."""
        replay, own = parted.lost, parted.own
        changes: list[Callable[[Transaction], object]] = [
            *(partial(_erase, one) for one in replay.erased),
            *(partial(_refuse, one, code, one in own.recordings) for one, code in replay.refused.items()),
            *(
                partial(_restrict, one, restricted)
                for one, restricted in replay.restricted.items()
                if restricted or not own.restricted.get(one)
            ),
            *(partial(_revoke_link, one, at) for one, at in replay.revoked_links.items()),
            *(partial(_revoke_key, one, at) for one, at in replay.revoked_keys.items()),
            *(partial(_delete_connection, one) for one in replay.deleted_connections),
        ]
        for start in range(0, len(changes), _BATCH_SIZE):
            some = changes[start : start + _BATCH_SIZE]
            done = await self.database.write(lambda tx, some=some: [change(tx) for change in some])  # type: ignore[misc]
            report.add("erased", sum(one is True for one in done))
            await progress("log entries", start + len(some), len(changes))

    async def without_manifest(
        self, ids: set[str], parted: Divergence, report: Report
    ) -> Sequence[Recording]:
        """Restrict what is available in the database and has no manifest any more; return it.

        The last thing that an erasure may have done before the log was lost is to delete the manifest. So
        nobody hears such a recording before a person has looked at it. The manifest of one that became
        available since the histories parted may still be due.
        """
        known = ids | parted.own.available
        found = [one async for one in available_recordings(self.database) if one.id not in known]
        for recording in found:
            await self.database.write(partial(_restrict, recording.id, True))
            report.findings.append(
                f"{recording.id}: it is available and its manifest is missing. It may have been erased shortly "
                "before the database was lost, so it is restricted now: lift that, or erase it."
            )
        return found

    async def _open(self, key: str, replay: Replay, report: Report) -> OpenedManifest | None:
        """Open a manifest; None, and a finding, where it cannot be used."""
        try:
            manifest = _named(key, decode_manifest(await self.objects.get(key)))
            recording = manifest.recording
            if recording.id in replay.erased:
                # What is left of it is still to be removed.
                gone = replace(recording, state=State.ERASING)
                await self.database.write(lambda tx: tx.restored.tombstone(gone))
                report.add("erased")
                return None
            if recording.id in replay.refused:
                return None
            restricted = replay.restricted.get(recording.id, recording.restricted)
            known = replace(manifest, recording=replace(recording, restricted=restricted))
            return await self._said(known)
        except (Tampered, NotFound, OwnKeyUnusable) as error:
            report.findings.append(f"{key}: {error}")
            return None

    async def _said(self, manifest: Manifest) -> OpenedManifest:
        """Return the manifest with what its evidence says of the call. Raises Tampered, NotFound."""
        recording = manifest.recording
        opened = await open_recording(self.ring, recording, manifest.keys)
        calls = calls_in(Evidence(canonical=opened.details().evidence).said)
        for position, (digest, sealed) in enumerate(manifest.chain, 1):
            row = EvidenceRow(
                account_id=recording.account_id, recording_id=recording.id, position=position, digest=digest,
                sealed_entry=sealed,
            )  # fmt: skip
            calls += calls_in(open_entry(opened, row).said)
        index_key = await self.admission.index_key(recording.account_id)
        terms = [term for call in calls for term in await self.admission.terms_of(recording.account_id, call)]
        key = await self.ring.current(recording.account_id)
        facts = [
            _row(recording, key, call, position=position, delivery=statement_id(index_key, call))
            for position, call in enumerate(dict.fromkeys(calls))
        ]
        return OpenedManifest(manifest=manifest, terms=terms, facts=facts)


def _named(key: str, manifest: Manifest) -> Manifest:
    """Return the manifest. Raises Tampered if it is named after another recording."""
    if location_of(manifest.recording.account_id, manifest.recording.id) != key:
        raise Tampered("It is not the manifest that it is named after.")
    return manifest


def _put(
    tx: Transaction, opened: Sequence[OpenedManifest], own: Collection[str]
) -> tuple[list[str], list[str]]:
    """Write rows, terms and facts; return the ids that have rows now, and the manifests that have no place."""
    placed, refused = [], []
    for one in opened:
        recording = one.manifest.recording
        if tx.restored.recording(one.manifest, keep=recording.id in own):
            placed.append(recording.id)
            tx.recordings.index(recording.account_id, recording.id, one.terms)
            # Recordings of one call know different parts of what was said of it; what is there is not added.
            for row in one.facts:
                tx.call_facts.add(row)
            tx.call_facts.index(recording.account_id, recording.call_ref, one.terms)
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
        # Statements are read back in the order of this moment.
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
    tx.queue.begin_erasing(recording.account_id, recording_id)
    return True


def _refuse(recording_id: str, code: str, own: bool, tx: Transaction) -> None:  # noqa: FBT001 - bound by place
    tx.restored.refuse(recording_id, code)
    if own:
        # It was let through since, by a database that did not know of the refusal.
        _restrict(recording_id, True, tx)


def _restrict(recording_id: str, restricted: bool, tx: Transaction) -> None:  # noqa: FBT001 - bound by place
    tx.recordings.restrict(recording_id, restricted=restricted)
    # The manifest that was read may say otherwise.
    tx.queue.rewrite_manifest(recording_id)


def _revoke_link(link_id: str, at: datetime, tx: Transaction) -> None:
    tx.links.revoke(link_id, at)


def _revoke_key(key_id: str, at: datetime, tx: Transaction) -> None:
    tx.api_keys.revoke(key_id, at)


def _delete_connection(connection_id: str, tx: Transaction) -> None:
    # The account's object that was found may be older than the deletion.
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
