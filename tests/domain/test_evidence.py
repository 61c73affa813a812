"""Evidence as canonical bytes, and chains of it: whole, or with something wrong in them.

JSON that is deflated before it is sealed: smaller, read to the last byte, beside what earlier releases wrote.
"""

import hashlib
import json
import secrets
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.domain.test_admission_table import case_of
from vault.domain.admission.decision import decide
from vault.domain.calls.call import CallFacts
from vault.domain.stored.deflated import DICTIONARY, MAX_DEFLATED, deflate, inflate
from vault.domain.stored.evidence import (
    SALT_BYTES,
    Details,
    Evidence,
    at_sealing,
    chained,
    check_chain,
    decode_details,
    decode_evidence,
    encode_decision_fields,
    encode_details,
    encode_evidence,
)
from vault.domain.stored.sealed_records import decode_facts, encode_facts
from vault.errors import Tampered

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
FACTS = CallFacts(
    call_ref="CA3f9b7e0c5d", direction="inbound", caller="+493012345678", callee="+4989555123", started_at=NOW,
    ended_at=NOW + timedelta(minutes=3), agent="Ada",
)  # fmt: skip


def sealing() -> Evidence:
    """Return what was known at the sealing of one recording."""
    case = case_of("US-CA", "US-NY", "notice before", "")
    return at_sealing(
        decide(case), case.events, CallFacts(call_ref="c"), account_id="acct_1", recording_id="rec_1", at=NOW
    )


def chain_of(count: int) -> list[Evidence]:
    """Return evidence and so many entries after it."""
    entries = [sealing()]
    for number in range(count):
        entries.append(chained(entries[-1].digest, "facts", {"n": number}, recording_id="rec_1", at=NOW))
    return entries


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_chain_that_is_whole_is_let_pass(count: int):
    """From the digest in the encryption context to the newest entry."""
    entries = chain_of(count)
    check_chain(entries[0].digest, entries)


@pytest.mark.parametrize(
    ("damage", "order"),
    [
        ("left out", [0, 2, 3]),
        ("left out at the beginning", [1, 2, 3]),
        ("in another order", [0, 2, 1, 3]),
        ("twice", [0, 1, 1, 2, 3]),
        ("the evidence alone left out", [0, 3]),
    ],
)
def test_a_chain_with_a_wrong_link_is_refused(damage: str, order: list[int]):
    """Nothing can be left out, moved or said twice."""
    entries = chain_of(3)
    with pytest.raises(Tampered):
        check_chain(entries[0].digest, [entries[place] for place in order])


def test_evidence_that_the_audio_is_not_bound_to_is_refused():
    """The chain is whole, and begins with something else; or a piece of another chain is hung on to it."""
    entries, others = chain_of(2), chain_of(2)
    with pytest.raises(Tampered):
        check_chain(entries[0].digest, others)
    with pytest.raises(Tampered):
        check_chain(entries[0].digest, [*entries, others[2]])
    with pytest.raises(Tampered):
        check_chain(entries[0].digest, [entries[0], sealing()])


def test_evidence_is_canonical_and_salted():
    """Keys in order, no blanks, ASCII; the same words have another digest every time."""
    one, other = sealing(), sealing()
    assert (one.content, one.canonical[SALT_BYTES:]) == (other.content, other.canonical[SALT_BYTES:])
    assert one.digest != other.digest
    assert (len(one.salt), one.salt == other.salt) == (SALT_BYTES, False)
    said = json.dumps(one.content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert one.canonical == one.salt + said.encode()


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"v":1}', b'{"v":"2"}', b"\xff"])
def test_evidence_of_another_form_is_refused(text: bytes):
    """No JSON, no object, or another version."""
    with pytest.raises(Tampered):
        _ = Evidence(canonical=bytes(SALT_BYTES) + text).content


def evidence_of(*statements: CallFacts) -> Evidence:
    """Return the first evidence of a recording with ids of their real length."""
    case = case_of("US-CA", "US-NY", "notice before", "")
    return at_sealing(
        decide(case), case.events, FACTS, statements=statements, account_id=f"acct_{secrets.token_hex(16)}",
        recording_id=f"rec_{secrets.token_hex(16)}", at=NOW,
    )  # fmt: skip


def details_of(evidence: Evidence) -> Details:
    return Details(sha256=secrets.token_bytes(32), facts=FACTS, evidence=evidence.canonical)


def test_the_dictionary_never_changes():
    """Stored texts can be read only with the very same bytes."""
    assert hashlib.sha256(DICTIONARY).hexdigest() == (
        "30f8c3e8f8c382ddee024a220761eb6254ada34dd35a962b78ec11017a31bb44"
    )


def test_any_zlib_reads_a_deflated_text():
    """A zlib stream (RFC 1950) that names the dictionary, with which nothing of the vault's code is needed."""
    stream = deflate(encode_facts(FACTS))
    assert stream[2:6] == zlib.adler32(DICTIONARY).to_bytes(4, "big")
    assert zlib.decompressobj(zdict=DICTIONARY).decompress(stream) == encode_facts(FACTS)


def test_every_record_comes_back():
    """Facts, details and evidence, to the last byte; digests are those of the canonical bytes."""
    assert decode_facts(deflate(encode_facts(FACTS))) == FACTS
    for _ in range(300):
        first = evidence_of()
        assert decode_evidence(encode_evidence(first)) == first
        details = details_of(first)
        assert decode_details(encode_details(details)) == details


def test_they_are_a_fraction_of_their_json():
    """What repeats in every text costs nothing: what is left are ids, digests, numbers and times."""
    first = evidence_of()
    gate = chained(
        first.digest, "gate", {"decision": encode_decision_fields(decide(case_of("US-CA", "US-NY", "", "")))},
        recording_id="rec_1", at=NOW,
    )  # fmt: skip
    assert len(encode_details(details_of(first))) < 0.4 * len(first.canonical)
    assert len(encode_evidence(gate)) < 0.4 * len(gate.canonical)
    assert len(deflate(encode_facts(FACTS))) < 0.6 * len(encode_facts(FACTS))


@pytest.mark.parametrize("text", [b"{}", b'{"v":1}', b'{"x":"' + bytes(range(35, 91)) + b'"}'])
def test_json_of_earlier_releases_is_read_as_it_is(text: bytes):
    """No deflated text begins as JSON does, so neither is taken for the other."""
    assert inflate(text) == text
    assert not deflate(text).startswith(b"{")
    assert inflate(deflate(text)) == text


def test_the_longest_text_comes_back():
    """And one that is a byte longer stays JSON."""
    for more in (0, 1):
        text = b'{"x":"' + b"x" * (MAX_DEFLATED - 8 + more) + b'"}'
        assert (deflate(text) == text) == bool(more)
        assert inflate(deflate(text)) == text


def test_details_of_earlier_releases_are_read():
    """One JSON object, with the evidence in base64."""
    details = details_of(evidence_of())
    long = details_of(evidence_of(*(FACTS for _ in range(MAX_DEFLATED // 100))))
    written = encode_details(long)
    assert json.loads(written)["v"] == 1
    assert decode_details(written) == long
    assert encode_details(details)[:1] != b"{"


def test_long_evidence_stays_json():
    """To deflate thousands of reports would keep the event loop busy."""
    long = evidence_of(*(FACTS for _ in range(MAX_DEFLATED // 100)))
    assert encode_evidence(long) == long.canonical
    assert decode_evidence(long.canonical) == long


def test_evidence_whose_salt_looks_deflated_is_read():
    """The form is known by the byte after the salt, which is random."""
    text = evidence_of().canonical[SALT_BYTES:]
    for salt in (deflate(text)[:SALT_BYTES], text[:SALT_BYTES]):
        evidence = Evidence(canonical=salt + text)
        assert decode_evidence(evidence.canonical) == decode_evidence(encode_evidence(evidence)) == evidence


@pytest.mark.parametrize(
    "make",
    # Made by the test: each process that collects would make them all.
    [
        lambda: b"",
        lambda: b"x",
        lambda: zlib.compress(b"{}")[:-1],
        lambda: deflate(b"{}")[:-1],
        lambda: deflate(b"{}") + b"x",
        lambda: zlib.compress(b" " * (MAX_DEFLATED + 1)),
        lambda: zlib.compress(b"{" + b" " * 100_000_000 + b"}"),
    ],
    ids=["nothing", "a letter", "cut", "cut with dictionary", "longer", "too long", "a bomb"],
)
def test_anything_else_is_tampered(make: Callable[[], bytes]):
    """Cut, continued or too long: no byte of it is taken, and no more memory than for the longest text."""
    data = make()
    with pytest.raises(Tampered):
        inflate(data)
    with pytest.raises(Tampered):
        decode_evidence(bytes(SALT_BYTES) + data)


def test_details_in_a_third_form_are_tampered():
    """Neither JSON nor the form of this release."""
    for data in (b"", b"\x03", b"\x02", encode_details(details_of(evidence_of()))[:-1]):
        with pytest.raises(Tampered):
            decode_details(data)
