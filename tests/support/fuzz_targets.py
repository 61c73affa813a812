"""What is fuzzed: each parser, with bytes to begin from. A target takes any bytes and raises nothing.

A parser's own errors are those of ``vault/errors.py`` that its docstring names. Everything else is a finding: another
exception, a hang, or a promise about what was read that does not hold.
"""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.support import fuzz_passkeys, fuzz_scim
from tests.support.by_provider import credentials_of, payloads_of, proof_headers
from tests.support.link_minter import Minter
from vault.audio import containers, riff
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.number_reader import read_numbers
from vault.domain.calls.provider_api import Delivery, RestReply
from vault.domain.legal_rules.rule_book_loader import read_place
from vault.domain.notices.notice import language_tag
from vault.domain.playback.link import MAX_LIFETIME
from vault.domain.playback.link_key import read_public_key
from vault.domain.playback.signed_token import BadToken, SignedText, read_claims, read_form
from vault.domain.recordings.media import wav_header
from vault.domain.stored.account_envelope import decode_envelope
from vault.domain.stored.closing_acts import Act, decode_act, decode_acts, encode_acts
from vault.domain.stored.manifest import decode_manifest
from vault.domain.stored.tombstone import decode_tombstones
from vault.domain.stored.vault_facts import decode_vault
from vault.errors import (
    FetchFailed,
    Invalid,
    NotAuthentic,
    NotSatisfiable,
    StartRefused,
    Tampered,
    Undecodable,
)
from vault.keyservice.location import parse_location as parse_root_key
from vault.keyservice.own_keys import LABEL, read_wrapping, write_wrapping
from vault.objects.location import parse_location as parse_store
from vault.ports.telephony import Provider
from vault.sealing.header import parse_header
from vault.sealing.keys import recording_key
from vault.sealing.message import open_message, seal
from vault.sealing.opener import Opener
from vault.services.accounts.api_keys import split_key
from vault.telephony.http.url import parse_media_url
from vault.telephony.parsing.forms import parse_form, parse_query
from vault.telephony.parsing.phone_number import normalize
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.registry import PROVIDERS
from vault.tlog.anchor_file import decode_anchor, encode_anchor
from vault.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from vault.tlog.hashing import leaf_hash
from vault.tlog.key_statement import open_statement
from vault.tlog.log_file import read_head, verify_log, write_head, write_leaf, write_subtree
from vault.tlog.note import Signer, parse_verifier
from vault.tlog.proof_file import parse_proof_file
from vault.tlog.tiles import read_bundle, write_bundle
from vault.tlog.tree import Frontier, Node
from vault.web.audio.response import parse_range
from vault.web.http.pagination import read_cursor

_NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_KEY, _CONTEXT = recording_key("rec_7", bytes(range(32))), {"account_id": "acct_1", "purpose": "audio"}
_SIGNER = Signer(name="vault.example/access-log", secret=bytes(range(32)))
_REVOKED = AccessEvent(type="key.revoked", at=_NOW, account_id=None, actor="a", id="evt_1", result="key_1")
_ACTS = encode_acts([Act(event=_REVOKED, leaf=_REVOKED.body, batch=_REVOKED.id)]).encode()
_ACT = (_ACTS, _ACTS.splitlines()[2], _ACTS.replace(b"e", b"f"))
_LEAVES = [b'{"v":1}', b'{"v":1,"type":"playback.open"}']
PROOF_HEADERS = proof_headers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One parser, or several of one kind of bytes."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _quiet(parse: Callable[[bytes], object], *expected: type[Exception]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        try:
            parse(data)
        except expected:
            return

    return run


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    # As a header or a query comes: any bytes as characters, and lone surrogates too.
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


def _webhook(provider: Provider, data: bytes) -> None:
    """Take the first line as every proof there is, and the rest as body; then the other things a provider reads."""
    proof, _, body = data.partition(b"\n")
    said = proof.decode("latin-1")
    for method in ("POST", "GET"):
        url = f"https://vault.example/webhooks/{provider.name}/conn_1?{said}"
        delivery = Delivery(
            method=method, url=url, headers=dict.fromkeys(PROOF_HEADERS, said), body=body, received_at=_NOW
        )
        _quiet(lambda _: provider.authenticate(delivery, [credentials_of(provider)]), NotAuthentic)(b"")  # noqa: B023 - called in this iteration
        _quiet(lambda _: provider.understand(delivery), Invalid)(b"")  # noqa: B023 - the same
        if (flow := provider.call_documents) is not None:
            _quiet(lambda _: flow.step(delivery), Invalid)(b"")  # noqa: B023 - the same
    _quiet(lambda _: provider.listed(RestReply(status=200, body=body)), FetchFailed)(b"")


def _payloads(provider: Provider) -> tuple[bytes, ...]:
    files = sorted(payloads_of(provider).glob("*"))
    own = b'v1,AAAA\n{"type":"call.started","timestamp":"2026-03-02T09:30:00Z","data":{"call_ref":"c"}}'
    return (own, *(b"v1,AAAA\n" + file.read_bytes() for file in files))


def _range(data: bytes) -> None:
    size = int.from_bytes(data[:2])
    try:
        found = parse_range(data[2:].decode("latin-1"), size)
    except NotSatisfiable as error:
        assert error.size == size
        return
    assert found is None or 0 <= found[0] < found[1] <= size


def _sniff(data: bytes) -> None:
    claims = riff.read_claims(io.BytesIO(data))
    assert claims is None or claims.duration is None or claims.duration >= 0
    containers.has_xing(io.BytesIO(data))
    for container in ("wav", "mp3", "ogg", "flac", "mov"):
        containers.cut_short(io.BytesIO(data), container)
    containers.refuse_non_audio(io.BytesIO(data))


def _sealed(data: bytes) -> None:
    """Open what is no message of this key: whole, and a range of it. Nothing may ever come out but what was sealed."""
    genuine = data == _MESSAGE
    _quiet(parse_header, Tampered)(data)
    try:
        opened = open_message(_KEY, data, context=_CONTEXT)
        assert opened == bytes(100)
        opener = Opener(_KEY, data, plaintext_length=100, context=_CONTEXT, object_size=len(data))
        first, last = opener.span(30, 70)
        assert opener.open(30, 70, data[first:last]) == bytes(40)
    except Tampered:
        assert not genuine


def _stored(data: bytes) -> None:
    decoders: Iterable[Callable[[bytes], object]] = (
        decode_manifest,
        decode_envelope,
        decode_tombstones,
        decode_vault,
        partial(decode_act, batch="evt_1"),
        _text(partial(decode_acts, location="closing/vault/evt_1")),
    )
    for decode in decoders:
        _quiet(decode, Tampered)(data)


def _wrapping(data: bytes) -> None:
    try:
        assert write_wrapping(read_wrapping(data)) == data
    except Tampered:
        return


def _note(data: bytes) -> None:
    verifiers = [_SIGNER.verifier]
    for parse in (open_checkpoint, open_statement):
        _quiet(partial(parse, verifiers=verifiers), Tampered)(data)
    _quiet(parse_proof_file, Tampered)(data)
    _quiet(_text(parse_checkpoint), Tampered)(data)
    _quiet(_text(parse_verifier), Invalid)(data)


def _log(data: bytes) -> None:
    """Verify an export: whatever it holds, it is what was signed or it is Tampered."""
    lines = iter(io.BytesIO(data))
    try:
        head = read_head(lines)
        checkpoint = verify_log(lines, head.note, [head.verifier], version=head.version).checkpoint
    except (Tampered, Invalid):
        return
    if head.verifier == _SIGNER.verifier:
        assert checkpoint == _CHECKPOINT


def _anchor(data: bytes) -> None:
    try:
        found = decode_anchor(data, [_SIGNER.verifier])
    except Tampered:
        return
    assert encode_anchor(found.note, found.frontier, found.leaves) == data


def _link_token(data: bytes) -> None:
    """Read a token, also where its payload is any bytes: what comes out keeps its promises, or it is refused."""
    claims = SignedText(
        key_id="lkey_1", algorithm="Ed25519", signed=b"", payload=data, signature=b"", digest=b""
    )
    try:
        found = read_claims(claims, audiences=["https://vault.example"], now=_NOW)
        assert timedelta(0) < found.expires_at - found.minted_at <= MAX_LIFETIME
        assert (
            (found.recording_id is None) == (found.call_ref is not None) == (found.recording_ref is not None)
        )
        found.link_id.encode()
    except BadToken:
        pass
    _quiet(_text(read_form), BadToken)(data)
    _quiet(_text(partial(read_public_key, algorithm="Ed25519")), Invalid)(data)
    _quiet(_text(partial(read_public_key, algorithm="ES256")), Invalid)(data)


def _bundle(data: bytes) -> None:
    try:
        assert write_bundle(read_bundle(data)) == data
    except Tampered:
        return


def _written(data: bytes) -> None:
    """Numbers, places, languages, cursors, URLs and keys, as people and programs write them."""
    for parse in (normalize, read_numbers, read_place, language_tag, read_cursor, split_key):
        _quiet(_text(parse), Invalid)(data)
    _quiet(_text(parse_media_url), ValueError)(data)
    for locate in (parse_root_key, parse_store):
        _quiet(_text(locate), StartRefused)(data)


_MESSAGE = seal(_KEY, _CONTEXT, bytes(100), frame_length=32)
_FRONTIER = Frontier().extend([leaf_hash(leaf) for leaf in _LEAVES], every=1)[0]
_CHECKPOINT = Checkpoint(origin=_SIGNER.name, size=2, root=_FRONTIER.root())
_SIGNED = sign_checkpoint(_CHECKPOINT, _SIGNER)
_EXPORT = write_head(_SIGNER.verifier, _SIGNED) + b"".join(
    write_leaf(index, leaf_hash(leaf), leaf) for index, leaf in enumerate(_LEAVES)
)
_ACCOUNT_EXPORT = (
    write_head(_SIGNER.verifier, _SIGNED, version=2)
    + write_leaf(0, leaf_hash(_LEAVES[0]), _LEAVES[0])
    + write_subtree(Node(level=0, index=1, hash=leaf_hash(_LEAVES[1])))
)
_MINTER = Minter(audience="https://vault.example")
_TOKEN = (
    _MINTER.token("rec_" + "ab" * 16).encode(),
    json.dumps(
        _MINTER.claims("rec_" + "ab" * 16, iat=1772443800, exp=1772443900, lsn="a", n=2, net=["10.0.0.0/8"])
    ).encode(),
)
_PUBLIC_KEYS = (_MINTER.pem.encode(), Minter.es256().pem.encode())
_ANCHOR = encode_anchor(_SIGNED, Frontier(), _LEAVES)

TARGETS: dict[str, Target] = {
    **{
        f"webhook-{one.name}": Target(run=partial(_webhook, one), seeds=_payloads(one))
        for one in PROVIDERS
    },
    "range": Target(run=_range, seeds=(b"\x01\x00bytes=0-", b"\x01\x00bytes=-5", b"\x01\x00bytes=1-2,4-5")),
    "json": Target(run=_quiet(parse_object, Invalid), seeds=(b'{"a":[1,{"b":null}]}', b'{"a":1e400}')),
    "form": Target(run=_quiet(parse_form, Invalid), seeds=(b"CallSid=CA1&From=%2B14155550100", b"a=%ff&a=b")),
    "query": Target(run=_quiet(parse_query, Invalid), seeds=(b"a=b&c=%20",)),
    "audio-head": Target(
        run=_quiet(_sniff, Undecodable),
        seeds=(wav_header(sample_rate=8000, channels=2, samples=80) + bytes(320), b"OggS", b"fLaC", b"ID3\x04"),
    ),
    "sealed": Target(run=_sealed, seeds=(_MESSAGE, _MESSAGE[:80])),
    "stored": Target(run=_stored, seeds=(b'{"format":1}', b"{}", b"[]", *_ACT)),
    "wrapping": Target(run=_wrapping, seeds=(bytes(32), LABEL + b"arn:aws:kms:eu-1:111122223333:key/a\0k")),
    "note": Target(run=_note, seeds=(_SIGNED, _SIGNER.verifier.write().encode())),
    "log-export": Target(run=_log, seeds=(_EXPORT, _ACCOUNT_EXPORT)),
    "anchor": Target(run=_anchor, seeds=(_ANCHOR,)),
    "link-token": Target(run=_link_token, seeds=(*_TOKEN, *_PUBLIC_KEYS)),
    "passkey": Target(run=fuzz_passkeys.passkey, seeds=fuzz_passkeys.SEEDS),
    "scim": Target(run=fuzz_scim.scim, seeds=fuzz_scim.SEEDS),
    "bundle": Target(run=_bundle, seeds=(write_bundle(_LEAVES), b"\x00\x00")),
    "written": Target(run=_written, seeds=(b"+1 415 555-0100", b"US-WA", b"en-GB", b"cv_1_2", b"s3://b/p?region=x")),
}  # fmt: skip
