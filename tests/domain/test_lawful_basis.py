"""The vCon's attachment of what a party answered: draft-howe-vcon-lawful-basis-02."""

from datetime import UTC, datetime
from typing import Any

from vault.domain.calls.call import CallFacts
from vault.domain.requests.vcon import ExportedAudio, GivenAnswer, given_answers, write_vcon

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
_AUDIO = ExportedAudio(filename="audio.wav", mediatype="audio/wav", sha512=bytes(64), duration=1.0, only=None)
#: What the draft requires of an attachment, of its body, of a grant and of a proof.
_REQUIRED = (
    {"purpose", "encoding", "body", "party", "dialog"},
    {"lawful_basis", "expiration", "purpose_grants"},
    {"purpose", "granted", "granted_at"},
    {"proof_type", "timestamp", "proof_data"},
)


def _vcon(*answers: GivenAnswer) -> dict[str, Any]:
    facts = CallFacts(call_ref="call-1", caller="+33612345678", callee="+442079460123")
    times = {"started_at": AT, "created_at": AT}
    return write_vcon("rec_1", facts, ("caller", "callee"), _AUDIO, **times, host="vault", answers=answers)


def _event(answer: str, party: str = "caller", second: int = 0) -> dict[str, str]:
    return {
        "party": party, "answer": answer, "method": "key", "at": f"2026-01-31T09:30:{second:02}.000000Z",
    }  # fmt: skip


def test_an_answer_is_an_attachment_with_what_the_draft_requires():
    """It names the party's index, and the evidence entry that proves it."""
    vcon = _vcon(GivenAnswer(party="callee", granted=True, method="key", at=AT, digest="ab" * 32))
    assert vcon["extensions"] == ["lawful_basis"]
    (attachment,) = vcon["attachments"]
    body = attachment["body"]
    (grant,), (proof,) = body["purpose_grants"], body["proof_mechanisms"]
    for required, found in zip(_REQUIRED, (attachment, body, grant, proof), strict=True):
        assert required <= set(found)
    assert (attachment["purpose"], attachment["encoding"]) == ("lawful_basis", "json")
    assert (attachment["party"], attachment["dialog"]) == (1, 0)
    assert (body["lawful_basis"], grant["purpose"], grant["granted"]) == ("consent", "recording", True)
    assert proof["proof_type"] == "external_system"
    assert proof["proof_data"]["evidence_sha256"] == "ab" * 32


def test_without_an_answer_nothing_is_claimed():
    """A notice alone is no permission, and no extension is named."""
    assert given_answers([{"digest": "d", "consent": [_event("announced")]}]) == []
    assert {"extensions", "attachments"} & set(_vcon()) == set()


def test_each_answer_is_there_once_and_a_no_is_no_grant():
    """An entry of the evidence repeats what came before; the most restrictive grant applies then."""
    first = {"digest": "d1", "consent": [_event("accepted")]}
    second = {"digest": "d2", "consent": [_event("accepted"), _event("withdrawn", second=9)]}
    answers = given_answers([first, second])
    assert [(one.granted, one.digest, one.at.second) for one in answers] == [
        (True, "d1", 0),
        (False, "d2", 9),
    ]
