"""Evidence as canonical bytes, and chains of it: whole, or with something wrong in them."""

import json
from datetime import UTC, datetime

import pytest

from tests.domain.test_admission_table import case_of
from vault.domain.admission.decision import decide
from vault.domain.calls.call import CallFacts
from vault.domain.stored.evidence import SALT_BYTES, Evidence, at_sealing, chained, check_chain
from vault.errors import Tampered

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


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
