"""Rows of the table: what comes back from stores, key services and children, and what people hand over in files."""

import asyncio
import hashlib
import io
import json
from base64 import b64encode
from contextlib import suppress
from functools import partial

from tests.hostile.parsers import KIB, Row, text
from tests.hostile.shapes import JSON, LINES, TEXT, repeated, within
from tests.support.fuzz_targets import _CONTEXT as CONTEXT
from tests.support.fuzz_targets import _EXPORT as EXPORT
from tests.support.fuzz_targets import _KEY as KEY
from tests.support.fuzz_targets import _SIGNER as SIGNER
from tests.support.fuzz_targets import TARGETS
from vault.audio import containers, description, protocol, riff
from vault.database.account_object import decode_account
from vault.domain.folded_text import folded
from vault.domain.legal_rules.rule_book_loader import read_place
from vault.domain.notices.default_texts import PLACEHOLDER
from vault.domain.notices.notice import language_tag
from vault.domain.stored import json_reader
from vault.domain.stored.account_envelope import Envelope, decode_envelope
from vault.domain.stored.closing_acts import decode_act, decode_acts
from vault.domain.stored.evidence_file import read_evidence_file
from vault.domain.stored.manifest import decode_manifest
from vault.domain.stored.move_object import read_move
from vault.domain.stored.request_rows import decode_request_envelope
from vault.domain.stored.tombstone import decode_tombstones
from vault.domain.stored.vault_facts import decode_vault
from vault.domain.urls import endpoint_of
from vault.errors import StartRefused, Tampered
from vault.keyservice import local_file, openbao
from vault.keyservice.location import open_own_keys
from vault.keyservice.location import parse_location as parse_root_key
from vault.keyservice.own_keys import LABEL, read_wrapping
from vault.objects.keys import check_key, check_prefix
from vault.objects.location import parse_location as parse_store
from vault.objects.owner import _owner
from vault.rfc3339 import parse_day
from vault.sealing import context
from vault.sealing.header import parse_header
from vault.sealing.message import open_message
from vault.services.node.startup_checks import log_name
from vault.settings import _KNOWN as SETTINGS
from vault.settings import _networks, read_settings
from vault.tlog.anchor_file import decode_anchor
from vault.tlog.checkpoint import open_checkpoint, parse_checkpoint
from vault.tlog.destruction_receipt import open_receipt, parse_receipt
from vault.tlog.key_statement import _parse as parse_statement
from vault.tlog.key_statement import open_statement
from vault.tlog.log_file import read_head, verify_log
from vault.tlog.move_proof import _event as event_of_leaf
from vault.tlog.move_statement import open_move_statement, parse_move_statement
from vault.tlog.note import parse_verifier
from vault.tlog.proof_file import parse_proof_file
from vault.tlog.receipt_file import verify_receipt
from vault.tlog.tiles import read_bundle

_VERIFIERS = [SIGNER.verifier]
_MESSAGE = TARGETS["sealed"].seeds[0]


def _log(data: bytes) -> None:
    lines = iter(io.BytesIO(data))
    head = read_head(lines)
    verify_log(lines, head.note, [head.verifier], version=head.version)


def _audio(data: bytes) -> None:
    file = io.BytesIO(data)
    riff.read_claims(file)
    containers.has_xing(file)
    for container in ("wav", "mp3", "ogg", "flac", "mov"):
        containers.cut_short(file, container)
    containers.refuse_non_audio(file)


def _notice(said: str) -> None:
    PLACEHOLDER.sub("", said)
    assert (folded(said) * 2 in folded(said)) is (not folded(said))


def _settings(value: str) -> None:
    """Read every variable with this value, each by itself, and a variable of this name."""
    for name in (*SETTINGS, f"VAULT_{value}"):
        try:
            read_settings({name: value})
        except StartRefused:
            continue


def _stored_fields(value: str) -> None:
    for read in (json_reader.Fields.moment, json_reader.Fields.blob):
        try:
            read(json_reader.Fields({"a": value}, "It"), "a")
        except Tampered:
            continue


def _day(value: str) -> None:
    with suppress(ValueError):
        parse_day(value)


class _Store:
    """A store that holds one object."""

    def __init__(self, held: bytes) -> None:
        self._held = held

    async def get(self, _key: str) -> bytes:
        return self._held


def _entry(data: bytes) -> None:
    """Read an evidence file whose one entry says this."""
    canonical = bytes(32) + data
    sealed = {"canonical": b64encode(canonical).decode(), "digest": hashlib.sha256(canonical).hexdigest()}
    read_evidence_file(json.dumps({"recording": "a", "sealed": sealed, "chain": []}).encode())


def _marker(data: bytes) -> None:
    asyncio.run(_owner(_Store(data)))  # type: ignore[arg-type]


def _context(data: bytes) -> None:
    assert context.serialise(context.parse(data)) == data


def _row(name: str, parse: object, *shapes: dict[str, object], limit: int = 64 * KIB) -> Row:
    every = {}
    for each in shapes:
        every |= each
    return Row(name=name, parse=parse, shapes=every, limit=limit)  # type: ignore[arg-type]


def _pairs(size: int) -> bytes:
    """Return a sound context of as many pairs as the size has room for."""
    return context.serialise({f"{at:08}": "" for at in range(size // 12)})


_ENVELOPE = Envelope(account_id="a", revision=1, keys=(), sealed=b"")  # type: ignore[arg-type]
_OPENED = b'{"v":1,"id":"a","ref":"a","name":"a","locale":"a","opened_at":"'
_NODES = {"leaves": repeated(b"leaf 0 AAAA AAAA\n"), "hashes": repeated(b"hash 0 AAAA\n")}
_CHUNKS = {"chunks": repeated(b"LIST\0\0\0\0"), "pages": repeated(b"OggS" + b"\xff" * 23)}
ROWS = [
    *(_row(name, parse, JSON, within(b'{"v":1,"keys":', JSON)) for name, parse in {
        "manifest": decode_manifest, "account object": decode_envelope, "tombstones": decode_tombstones,
        "closing act": partial(decode_act, batch="evt_1"), "request object": decode_request_envelope,
        "vault object": decode_vault, "openbao reply": openbao._data, "marker": _marker,
        "move object": text(partial(read_move, location="moved/a")),
    }.items()),
    _row("account", partial(decode_account, envelope=_ENVELOPE), JSON, within(_OPENED, TEXT, b'"}')),
    _row("receipt", verify_receipt, JSON, within(b'{"key":"', TEXT, b'"}\n')),
    _row("evidence file", read_evidence_file, JSON, within(b'{"recording":"a","sealed":', JSON)),
    _row("evidence entry", _entry, JSON, within(b'{"recording":"a","kind":"redaction","spans":', JSON)),
    _row("day", text(_day), TEXT),
    _row("stored field", text(_stored_fields), TEXT),
    # Text would be read as one to five pairs of thousands of bytes: the steps between those are no growth.
    _row("context", _context, within(b"\xff\xff", {
        "empty pairs": repeated(b"\0\0"), "short pairs": repeated(b"\0\1a\0\1b"), "no utf-8": repeated(b"\0\1\xff"),
    }), {"pairs": _pairs}, limit=60 * KIB),
    _row("settings", text(_settings), TEXT, within(b"https://", TEXT), within(b"a:", TEXT), limit=16 * KIB),
    _row("own keys URL", text(lambda url: open_own_keys(url, None)),  # type: ignore[arg-type]
         within(b"aws-kms://?endpoint_url=", TEXT), within(b"aws-kms://?", TEXT)),
    _row("child's description", partial(description.read_description, max_duration=60.0), JSON, limit=16 * KIB),
    _row("child's reason", protocol.read_reason, TEXT),
    _row("checkpoint", text(parse_checkpoint), LINES, TEXT),
    _row("anchor", partial(decode_anchor, verifiers=_VERIFIERS), LINES, within(b"callvault-anchor/v1\n", LINES)),
    _row("note", partial(open_checkpoint, verifiers=_VERIFIERS), LINES),
    _row("closing acts", text(partial(decode_acts, location="closing/vault/evt_1")), LINES,
         within(b"callvault closing acts v1\nvault\n", LINES)),
    _row("statement text", text(parse_statement), LINES, within(b"a\n" * 5, TEXT, b"\n0\n")),
    _row("statement", partial(open_statement, verifiers=_VERIFIERS), LINES),
    _row("move statement text", text(parse_move_statement), LINES, within(b"callvault account move v1\n", LINES)),
    _row("destruction receipt text", text(parse_receipt), LINES,
         within(b"callvault account destruction v1\naccount a\nlog ", LINES)),
    _row("destruction receipt", partial(open_receipt, log=SIGNER.verifier), LINES),
    _row("leaf of a move", partial(event_of_leaf, 0), JSON),
    _row("move statement", partial(open_move_statement, origin=SIGNER.verifier, destination=SIGNER.verifier), LINES),
    _row("verifier key", text(parse_verifier), TEXT, within(b"a+", TEXT)),
    _row("proof file", parse_proof_file, LINES, within(b"c2sp.org/tlog-proof@v1\nindex 0\n", LINES)),
    _row("log file", _log, LINES, within(EXPORT, _NODES)),
    _row("bundle", read_bundle, {"empty leaves": repeated(b"\0\0"), "leaves": repeated(b"\0\1a")}, TEXT),
    _row("sealed header", parse_header, TEXT, within(_MESSAGE[:37], TEXT)),
    _row("sealed message", partial(open_message, KEY, context=CONTEXT), TEXT, within(_MESSAGE, TEXT)),
    _row("wrapping", read_wrapping, TEXT, within(LABEL + b"arn:aws:kms:", TEXT)),
    _row("openbao ciphertext", openbao._is_ciphertext, TEXT, within(b"vault:v1:", TEXT)),
    _row("root key file", local_file._parse, TEXT, JSON),
    _row("root key URL", text(parse_root_key), within(b"openbao://", TEXT), within(b"aws-kms://a?", TEXT),
         within(b"file://", TEXT)),
    _row("store URL", text(parse_store), within(b"s3://", TEXT), within(b"s3://a/b?", TEXT),
         within(b"file://", TEXT)),
    _row("endpoint", text(lambda url: endpoint_of({"endpoint_url": url}, "", ())), within(b"http://", TEXT)),
    _row("object key", text(check_key), TEXT), _row("object prefix", text(check_prefix), TEXT),
    _row("networks", text(_networks), TEXT, {"many": repeated(b"10.0.0.0/8,")}),
    _row("public URL", text(log_name), within(b"https://", TEXT)),
    _row("audio", _audio, TEXT, _CHUNKS, within(b"RIFF\0\0\0\0WAVE", _CHUNKS)),
    _row("place", text(read_place), TEXT), _row("language", text(language_tag), TEXT, within(b"en-", TEXT)),
    _row("notice", text(_notice), TEXT, {"placeholders": repeated(b"{controller}"), "braces": repeated(b"{")}),
]  # fmt: skip
