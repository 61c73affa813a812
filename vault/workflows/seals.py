"""Opening and sealing what belongs to an account or a recording: kernels that the verbs share."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain import encryption_context as bound
from vault.domain.access_event import AccessEvent
from vault.domain.call import CallFacts, fold
from vault.domain.link import Link
from vault.domain.recording import Recording, RecordingKeys, SealedObject
from vault.domain.records import Details, decode_details, decode_facts
from vault.errors import Tampered
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.stores import CallFactRow
from vault.sealing.header import parse_header
from vault.sealing.keys import NamedKey, recording_key
from vault.sealing.message import open_message, seal
from vault.sealing.opener import Opener
from vault.sealing.wrapping import unwrap, wrap

_AFTER_NAME = 4 + 4 + 12


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRecording:
    """A recording with its key in hand."""

    recording: Recording
    key: NamedKey
    keys: RecordingKeys

    def details(self) -> Details:
        """Open the details. Raises Tampered."""
        context = self._context("details")
        return decode_details(open_message(self.key, self.keys.details or b"", context=context))

    def waveform(self) -> bytes | None:
        """Open the waveform; None where the describer crashed."""
        if self.keys.waveform is None:
            return None
        return open_message(self.key, self.keys.waveform, context=self._context("waveform"))

    def opener(self, sealed: SealedObject, purpose: bound.Purpose) -> Opener:
        """Return what opens the audio or its rendition: it pins header, length and context."""
        return Opener(self.key, sealed.header, plaintext_length=sealed.size, context=self._context(purpose))

    def _context(self, purpose: bound.Purpose) -> bound.Context:
        recording = self.recording
        return bound.of_recording(recording.account_id, recording.id, purpose, self.keys.evidence)


async def open_recording(ring: KeyRing, recording: Recording, keys: RecordingKeys) -> OpenedRecording:
    """Unwrap a recording's key. Raises NotFound when the account key is destroyed, Tampered, Unavailable."""
    account_key = await ring.version(recording.account_id, keys.key_version)
    context = bound.of_recording_key(recording.account_id, recording.id)
    secret = unwrap(account_key.key, keys.wrapped_key, context)
    return OpenedRecording(recording=recording, key=recording_key(recording.id, secret), keys=keys)


def wrap_recording_key(account_key: AccountKey, account_id: str, key: NamedKey, recording_id: str) -> bytes:
    """Wrap a recording key for its row."""
    return wrap(account_key.key, key.secret, bound.of_recording_key(account_id, recording_id))


async def open_facts(
    ring: KeyRing, rows: Sequence[CallFactRow], known: Mapping[str, CallFacts] | None = None
) -> list[CallFacts]:
    """Open what was said of a call, in the order it was said; but for rows that are ``known``, by id."""
    opened = []
    for row in rows:
        if known is not None and row.id in known:
            opened.append(known[row.id])
            continue
        key = await ring.version(row.account_id, row.key_version)
        context = bound.of_call_fact(row.account_id, row.id)
        opened.append(decode_facts(open_message(key.key, row.sealed_facts, context=context)))
    return opened


def join_facts(call_ref: str, pieces: Sequence[CallFacts]) -> CallFacts:
    """Join what was said of a call; a call of which nothing was said has its name alone."""
    return fold([CallFacts(call_ref=call_ref), *pieces])


def search_terms(index_key: bytes, facts: CallFacts) -> list[bytes]:
    """Return the blind-index terms under which a call is found: its numbers and its agent."""
    said = {"number": {facts.caller, facts.callee}, "agent": {facts.agent}}
    return [
        search_term(index_key, kind, value)
        for kind, values in said.items()
        for value in values
        if value is not None
    ]


async def open_index_key(ring: KeyRing, account_id: str, wrapped_index_key: bytes) -> bytes:
    """Unwrap an account's index key, which version 1 of its account key wraps."""
    first = await ring.version(account_id, 1)
    return unwrap(first.key, wrapped_index_key, bound.of_index_key(account_id))


def search_term(index_key: bytes, kind: str, value: str) -> bytes:
    """Return the keyed hash under which a value is found; without the key no guess can be tested."""
    message = f"{kind}\0{value.casefold()}".encode("utf-8", "surrogatepass")
    return hmac.digest(index_key, message, hashlib.sha256)


async def open_listener(ring: KeyRing, link: Link) -> str:
    """Open the name of the person a link is meant for. Raises NotFound, Tampered, Unavailable."""
    key = await ring.version(link.account_id, link.key_version)
    context = bound.of_listener(link.account_id, link.id)
    return open_message(key.key, link.sealed_listener, context=context).decode()


async def seal_detail(ring: KeyRing, account_id: str, event_id: str, detail: Mapping[str, str]) -> bytes:
    """Seal what an access event says of people."""
    account_key = await ring.current(account_id)
    text = json.dumps({"v": 1, **detail}, separators=(",", ":")).encode()
    return seal(account_key.key, bound.of_event_detail(account_id, event_id), text)


async def open_detail(ring: KeyRing, event: AccessEvent) -> Mapping[str, str]:
    """Open what an access event says of people. Raises NotFound for a destroyed key, Tampered, Unavailable."""
    if event.sealed_detail is None or event.account_id is None:
        return {}
    key = await ring.version(event.account_id, sealed_under(event.sealed_detail))
    context = bound.of_event_detail(event.account_id, event.id)
    said: dict[str, str] = json.loads(open_message(key.key, event.sealed_detail, context=context))
    return {name: value for name, value in said.items() if name != "v"}


def sealed_under(message: bytes) -> int:
    """Return the version of the account key that a message names. Raises Tampered for another kind of key."""
    # The provider information is the key's name, then two lengths and the IV (sealing/FORMAT.md).
    name = parse_header(message).data_keys[0].info[:-_AFTER_NAME].decode("ascii", "replace")
    _, _, version = name.rpartition("/v")
    if not name.startswith("account/") or not version.isdigit():
        raise Tampered("The message was not sealed under an account key.")
    return int(version)
