"""Open and seal the encrypted fields of accounts, calls and recordings; keyed hashes for lookup."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.consent.consent import ConsentRow
from vault.domain.calls.call import CallFacts, fold, plausible
from vault.domain.calls.provider_api import Delivery
from vault.domain.consent.consent_event import ConsentEvent
from vault.domain.folded_text import folded
from vault.domain.playback.link import Link
from vault.domain.recordings.recording import Recording, RecordingKeys, SealedObject
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.evidence import Details, decode_details
from vault.domain.stored.sealed_records import decode_event, decode_facts, encode_facts
from vault.ports.keys import KeyRing, SealingKey
from vault.sealing.keys import NamedKey, recording_key
from vault.sealing.message import open_message
from vault.sealing.opener import Opener
from vault.sealing.wrapping import unwrap, wrap
from vault.services.shared.paced import paced


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRecording:
    """A recording with its unwrapped key."""

    recording: Recording
    key: NamedKey
    keys: RecordingKeys
    #: The details, where the caller has just sealed them.
    sealed_details: Details | None = None

    def details(self) -> Details:
        """Open the details. Raises Tampered."""
        if self.sealed_details is not None:
            return self.sealed_details
        context = self._context("details")
        return decode_details(open_message(self.key, self.keys.details or b"", context=context))

    def waveform(self) -> bytes | None:
        """Open the waveform; None where the describer crashed."""
        if self.keys.waveform is None:
            return None
        return open_message(self.key, self.keys.waveform, context=self._context("waveform"))

    def opener(self, sealed: SealedObject, purpose: bound.Purpose) -> Opener:
        """Return the opener of the audio or its rendition; it pins header, length and context."""
        return Opener(self.key, sealed.header, plaintext_length=sealed.size, context=self._context(purpose))

    def _context(self, purpose: bound.Purpose) -> bound.Context:
        recording = self.recording
        return bound.of_recording(recording.account_id, recording.id, purpose, self.keys.evidence)


async def open_recording(ring: KeyRing, recording: Recording, keys: RecordingKeys) -> OpenedRecording:
    """Unwrap a recording's key. Raises NotFound if the key that wraps it is destroyed, Tampered, Unavailable."""
    wrapping_key = await key_that_sealed(ring, recording.account_id, keys.key_version, keys.month_key)
    context = bound.of_recording_key(recording.account_id, recording.id)
    secret = unwrap(wrapping_key, keys.wrapped_key, context)
    return OpenedRecording(recording=recording, key=recording_key(recording.id, secret), keys=keys)


async def key_that_sealed(ring: KeyRing, account_id: str, version: int, month_key: str | None) -> NamedKey:
    """Return the month key, or this version of the account key where there is none.

    Rows of earlier releases are sealed under the account key itself, until the next rotation. Raises NotFound,
    Tampered, Unavailable.
    """
    if month_key is not None:
        return await ring.month_key(account_id, month_key)
    return (await ring.version(account_id, version)).key


def wrap_recording_key(sealing_key: SealingKey, account_id: str, key: NamedKey, recording_id: str) -> bytes:
    """Wrap a recording key for its row."""
    return wrap(sealing_key.key, key.secret, bound.of_recording_key(account_id, recording_id))


async def open_facts(
    ring: KeyRing, rows: Sequence[CallFactRow], known: Mapping[str, CallFacts] | None = None
) -> list[CallFacts]:
    """Decrypt the facts in ``rows``, in their order; rows whose id is in ``known`` are taken from there."""
    opened = []
    async for row in paced(rows):
        if known is not None and row.id in known:
            opened.append(known[row.id])
            continue
        key = await key_that_sealed(ring, row.account_id, row.key_version, row.month_key)
        context = bound.of_call_fact(row.account_id, row.id)
        opened.append(decode_facts(open_message(key, row.sealed_facts, context=context)))
    return opened


def join_facts(call_ref: str, pieces: Sequence[CallFacts]) -> CallFacts:
    """Merge the facts of a call; without any, the result holds only ``call_ref``.

    The call lasts from the earliest start to the latest end, as in decisions, because the announcement of a
    recording often carries the recording's own times.
    """
    starts = [start for piece in pieces if (start := plausible(piece.started_at)) is not None]
    ends = [end for piece in pieces if (end := plausible(piece.ended_at)) is not None]
    joined = fold([CallFacts(call_ref=call_ref), *pieces])
    return replace(joined, started_at=min(starts, default=None), ended_at=max(ends, default=None))


async def open_consent(ring: KeyRing, row: ConsentRow) -> ConsentEvent:
    """Open a consent event. Raises NotFound, Tampered, Unavailable."""
    key = await ring.version(row.account_id, row.key_version)
    context = bound.of_consent_event(row.account_id, row.id)
    return decode_event(open_message(key.key, row.sealed_event, context=context))


async def open_consents(ring: KeyRing, rows: Sequence[ConsentRow]) -> tuple[ConsentEvent, ...]:
    """Open consent events, in their order. Raises as ``open_consent``."""
    return tuple([await open_consent(ring, row) async for row in paced(rows)])


def statement_id(index_key: bytes, facts: CallFacts) -> str:
    """Return the delivery id that deduplicates a statement without an id of its own: a keyed hash of its facts.

    With a plain hash, anyone who reads the row could test guesses of phone numbers.
    """
    return f"call/{search_term(index_key, 'call', encode_facts(facts).decode()).hex()}"


def content_id(index_key: bytes, delivery: Delivery) -> str:
    """Return the id of a delivery whose sender gave it none: a keyed hash of method, query and body.

    A replay has the same id. A GET carries its content in the query.
    """
    digest = hashlib.sha256(f"{delivery.method} {urlsplit(delivery.url).query}\n".encode() + delivery.body)
    return f"body/{search_term(index_key, 'delivery', digest.hexdigest()).hex()}"


def search_term(index_key: bytes, kind: str, value: str) -> bytes:
    """Return the keyed hash that finds a value; without the key nobody can test guesses."""
    message = f"{kind}\0{value.casefold()}".encode("utf-8", "surrogatepass")
    return hmac.digest(index_key, message, hashlib.sha256)


def search_terms(index_key: bytes, named: Iterable[tuple[str, str]]) -> set[bytes]:
    """Return the keyed hashes of values, each given after its kind."""
    return {search_term(index_key, kind, value) for kind, value in named}


def name_term(index_key: bytes, kind: str, name: str) -> bytes:
    """Return the keyed hash that finds a name of a person, however it is written."""
    return search_term(index_key, kind, folded(name))


def name_terms(index_key: bytes, kind: str, name: str) -> frozenset[bytes]:
    """Return the keyed hashes that find a name, also in rows of earlier releases, which compared only capitals."""
    return frozenset({name_term(index_key, kind, name), search_term(index_key, kind, name)})


async def open_listener(ring: KeyRing, link: Link) -> str:
    """Open the listener's name of a link. Raises NotFound, Tampered, Unavailable."""
    key = await ring.version(link.account_id, link.key_version)
    context = bound.of_listener(link.account_id, link.id)
    return open_message(key.key, link.sealed_listener, context=context).decode()
