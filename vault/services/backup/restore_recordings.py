"""Restore recordings: their tombstones and their manifests."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from vault.batches import batches_of
from vault.database.interface import Database
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.replay import Replay
from vault.domain.calls.call import CallFacts
from vault.domain.ids import new_id
from vault.domain.progress import ProgressCallback, Report
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.deflated import deflate
from vault.domain.stored.evidence import Evidence, decode_call_fields
from vault.domain.stored.manifest import PREFIX as MANIFESTS
from vault.domain.stored.manifest import Manifest, decode_manifest, location_of
from vault.domain.stored.sealed_records import encode_facts
from vault.domain.stored.tombstone import PREFIX as TOMBSTONES
from vault.domain.stored.tombstone import decode_tombstones
from vault.domain.stored.tombstone import prefix_of as prefix_of_tombstones
from vault.domain.stored.tombstone import since as tombstones_since
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.ports.keys import KeyRing, SealingKey
from vault.ports.objects import ObjectStore
from vault.sealing.message import seal
from vault.services.admission.number_terms import CallTerms
from vault.services.backup.restore_log import Divergence
from vault.services.backup.restore_scope import Scope, available_recordings
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.lifecycle.lifecycle import WORKER
from vault.services.lifecycle.restore_states import (
    close_successors,
    restore_available,
    restore_new,
    restore_tombstone,
)
from vault.services.shared.encrypted_fields import open_recording, statement_id
from vault.services.shared.end_listening import restrict_again
from vault.services.shared.gather_all import gathered, gathered_ahead
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import current_month_key
from vault.services.shared.sealed_metadata import FoundMetadata, SealedMetadata

#: Recordings decrypted concurrently and written in one transaction.
_BATCH_SIZE = 32
#: Batches that are read and decrypted while one is written; ids per statement; unfinished rotations considered.
_AHEAD, _KEY_BATCH_SIZE, _ROTATIONS = 2, 500, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedManifest:
    """A manifest whose key unwraps, with the recording's search terms."""

    manifest: Manifest
    terms: Sequence[bytes]
    #: The facts of its call, re-encrypted.
    facts: Sequence[CallFactRow]
    #: The metadata of its call and its own, with the terms that find it.
    metadata: Sequence[FoundMetadata] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRecordings:
    """Restores recordings from the object store, except those that the log has closed since."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    call_terms: CallTerms
    sealed_metadata: SealedMetadata

    async def tombstones(self, scope: Scope | None, report: Report, progress: ProgressCallback) -> None:
        """Restore recordings that were refused, failed or erased; with ``scope``, only those since then."""
        done = 0
        async for keys in batches_of(self._tombstone_keys(scope), _BATCH_SIZE):
            for recordings in await gathered([self.open_tombstones(key, report) for key in keys]):
                report.findings += await self.database.write(partial(put_tombstones, recordings))
                done += len(recordings)
            await progress("tombstones", done, 0)
        report.add("tombstones", done)

    async def _tombstone_keys(self, scope: Scope | None) -> AsyncIterator[str]:
        if scope is None:
            async for stored in self.objects.list(TOMBSTONES):
                yield stored.key
            return
        for account_id in sorted(scope.ended):
            prefix, after = prefix_of_tombstones(account_id), tombstones_since(account_id, scope.since)
            async for stored in self.objects.list(prefix, after=after):
                yield stored.key

    async def open_tombstones(self, key: str, report: Report) -> list[Recording]:
        """Return the recordings of an object; if it cannot be used, add a finding and return none."""
        try:
            recordings = decode_tombstones(await self.objects.get(key))
        except Tampered as error:
            report.findings.append(f"{key}: {error}")
            return []
        # Apply erasures after refusals, independent of the order in the object.
        return sorted(recordings, key=lambda recording: recording.state is State.ERASED)

    async def manifests(self, divergence: Divergence, report: Report, progress: ProgressCallback) -> set[str]:
        """Restore recordings that have a manifest: all, or those that the divergence names. Return their ids."""
        ids, scope = set[str](), divergence.named
        replay, own = divergence.lost, divergence.own.recordings
        open_one = partial(self.open_manifest, replay=replay, report=report, listed=scope is None)
        keys = batches_of(self._manifest_keys(scope), _BATCH_SIZE)
        async with aclosing(gathered_ahead(keys, open_one, ahead=_AHEAD)) as batches:
            async for opened in batches:
                usable = [manifest for manifest in opened if manifest is not None]
                put = partial(put_manifests, usable, own, replay.redacted)
                placed, refused = await self.database.write(put)
                ids.update(placed)
                for location in refused:
                    report.findings.append(f"{location}: another recording has the same name in its source.")
                await progress("manifests", len(ids), 0)
        report.add("available", len(ids))
        return ids

    async def _manifest_keys(self, scope: Scope | None) -> AsyncIterator[str]:
        if scope is None:
            async for stored in self.objects.list(MANIFESTS):
                yield stored.key
            return
        for recording_id, account_id in scope.recordings.items():
            yield location_of(account_id, recording_id)
        # A rotation wrote manifests again and is in the log once, not once per recording; or not at all in the lost
        # part, if it began before.
        unfinished = await self.database.read(lambda tx: tx.rotations.unfinished(_ROTATIONS))
        for account_id in sorted({*scope.rotated, *(rotation.account_id for rotation in unfinished)}):
            gone, after = scope.rotated.get(account_id, set()), ""
            page = partial(_without_key, account_id, gone)
            while ids := await self.database.read(partial(page, after)):
                for recording_id in ids:
                    if recording_id not in scope.recordings:
                        yield location_of(account_id, recording_id)
                after = ids[-1]

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
            closed = partial(restrict_again, recording=recording, actor=WORKER, causes=["restore"])
            await self.database.write(closed)
            report.findings.append(
                f"{recording.id}: it is available and its manifest is missing. It may have been erased shortly "
                "before the database was lost, so it is restricted now: lift that, or erase it."
            )
        return found

    async def open_manifest(
        self, key: str, replay: Replay, report: Report, *, listed: bool
    ) -> OpenedManifest | None:
        """Decrypt a manifest; if it cannot be used, add a finding and return None.

        One that was not ``listed`` may not exist: its recording never became available, or was erased.
        """
        try:
            body = await self.objects.get(key)
        except NotFound as error:
            if listed:
                report.findings.append(f"{key}: {error}")
            return None
        try:
            manifest = _named(key, decode_manifest(body))
            recording = manifest.recording
            if recording.id in replay.erased:
                # The state ERASING makes the worker delete its remains.
                erasing = replace(recording, state=State.ERASING)
                report.findings += await self.database.write(partial(put_tombstones, [erasing]))
                report.add("erased")
                return None
            if recording.id in replay.refused:
                return None
            restricted = replay.restricted.get(recording.id, recording.restricted)
            known = replace(manifest, recording=replace(recording, restricted=restricted))
            metadata, wrong = await self.sealed_metadata.with_terms(known.metadata)
            report.findings += [f"{key}: its metadata cannot be opened: {error}" for error in wrong]
            return replace(await self._with_facts(known), metadata=metadata)
        except (Tampered, NotFound, OwnKeyUnusable) as error:
            report.findings.append(f"{key}: {error}")
            return None

    async def _with_facts(self, manifest: Manifest) -> OpenedManifest:
        """Return the manifest with the call facts from its evidence. Raises Tampered, NotFound."""
        recording = manifest.recording
        opened = await open_recording(self.ring, recording, manifest.keys)
        calls = decode_call_fields(Evidence(canonical=opened.details().evidence).content)
        async for position, (digest, sealed) in paced(enumerate(manifest.chain, 1)):
            row = EvidenceRow(
                account_id=recording.account_id, recording_id=recording.id, position=position, digest=digest,
                sealed_entry=sealed,
            )  # fmt: skip
            calls += decode_call_fields(open_entry(opened, row).content)
        index_key = await self.call_terms.index_key(recording.account_id)
        terms = [
            term for call in calls for term in await self.call_terms.terms_of(recording.account_id, call)
        ]
        key = await current_month_key(self.ring, recording.account_id, recording.received_at)
        facts = [
            _row(recording, key, call, position=position, delivery=statement_id(index_key, call))
            for position, call in enumerate(dict.fromkeys(calls))
        ]
        return OpenedManifest(manifest=manifest, terms=terms, facts=facts)


def _without_key(account_id: str, gone: Collection[int], after: str, tx: Transaction) -> Sequence[str]:
    return tx.inventory.without_key(account_id, gone, after=after, limit=_KEY_BATCH_SIZE)


def _named(key: str, manifest: Manifest) -> Manifest:
    """Return the manifest. Raises Tampered if its key is that of another recording."""
    if location_of(manifest.recording.account_id, manifest.recording.id) != key:
        raise Tampered("Its content does not match its key.")
    return manifest


def put_tombstones(recordings: Sequence[Recording], tx: Transaction) -> list[str]:
    """Write the rows of tombstones; return a finding for each recording that was sent again meanwhile."""
    findings = []
    for recording in recordings:
        if not restore_tombstone(tx, recording):
            continue
        for successor in close_successors(tx, recording):
            done = "erased" if recording.state in GONE else "refused"
            findings.append(
                f"{successor.id}: it has the name {recording.recording_ref} of {recording.id}, which was {done}, and "
                "came in while the database did not know that. It is closed now too."
            )
    return findings


def put_manifests(
    opened: Sequence[OpenedManifest],
    own: Collection[str],
    redacted: Mapping[str, Collection[str]],
    tx: Transaction,
) -> tuple[list[str], list[str]]:
    """Write rows, terms and facts; return the ids that have rows now, and the locations of refused manifests."""
    placed, refused = list[OpenedManifest](), []
    # One of which spans were removed may end what hangs on its older audio.
    new = restore_new(tx, [one.manifest for one in opened if one.manifest.recording.id not in redacted])
    for restored in opened:
        recording = restored.manifest.recording
        is_placed = new.get(recording.id)
        if is_placed is None:
            removed, keep = redacted.get(recording.id, ()), recording.id in own
            is_placed = restore_available(tx, restored.manifest, keep=keep, redacted=removed)
        if is_placed:
            placed.append(restored)
        elif tx.recordings.by_id(recording.id) is None:
            refused.append(location_of(recording.account_id, recording.id))
        else:
            # It was refused or erased: its manifest, which has a key, must not stay.
            tx.object_checks.note(recording.id, recording.account_id)
    _put_calls(placed, tx)
    return [one.manifest.recording.id for one in placed], refused


def _put_calls(restored: Sequence[OpenedManifest], tx: Transaction) -> None:
    """Write facts, terms and metadata of recordings that have rows."""
    terms = [(one.manifest.recording, term) for one in restored for term in set(one.terms)]
    tx.recordings.index_all({(one.account_id, one.id, term) for one, term in terms})
    # Recordings of one call have different facts of it; duplicates are not added.
    tx.call_facts.add_all([row for one in restored for row in one.facts])
    tx.call_facts.index_all({(one.account_id, one.call_ref, term) for one, term in terms})
    for one in restored:
        for metadata, terms_of_it in one.metadata:
            tx.call_metadata.restore(metadata, terms_of_it)


def _row(
    recording: Recording, key: SealingKey, facts: CallFacts, *, position: int, delivery: str
) -> CallFactRow:
    account_id, fact_id = recording.account_id, new_id("fact")
    sealed = seal(key.key, bound.of_call_fact(account_id, fact_id), deflate(encode_facts(facts)))
    # Facts are read in the order of their time.
    at = recording.received_at + timedelta(microseconds=position)
    return CallFactRow(
        id=fact_id, account_id=account_id, call_ref=recording.call_ref, delivery=delivery, at=at,
        started_at=facts.started_at, ended_at=facts.ended_at, sealed_facts=sealed, key_version=key.version,
        month_key=key.month_key,
    )  # fmt: skip
