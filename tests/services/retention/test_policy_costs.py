"""What a policy with many classes costs: a look-up of its decisions for each recording, and not in the one writer."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.parties import let_in
from tests.support.retention import kept, set_retention
from tests.support.service_house import House
from vault.domain.retention.policy import CallTraits, ConflictDecision, RetentionPolicy
from vault.domain.retention.terms import CallTimes, retention_terms
from vault.services.retention.compute_terms import RetentionFacts


def contradicting(classes: int) -> RetentionPolicy:
    """Return a policy whose minima are all longer than its maxima, with a decision for each pair."""
    lawful = {"minimum_ground": "legal_obligation", "statute": "a law"}
    made = tuple(kept(f"c{n}", minimum="P5Y", maximum="P1Y", **lawful) for n in range(classes))
    pairs = [(one.name, other.name) for one in made for other in made]
    decisions = tuple(
        ConflictDecision(minimum_of=least, maximum_of=most, applies="minimum", reason="r")
        for least, most in pairs
    )
    return RetentionPolicy(classes=made, decisions=decisions)


@pytest.mark.parametrize("classes", [4, 28])
def test_the_decisions_of_a_policy_are_read_once(classes: int, monkeypatch: pytest.MonkeyPatch):
    """Wrong: for each pair of classes, which made one recording cost 40 ms."""
    made, read = contradicting(classes), []
    by_pair = RetentionPolicy.decisions_by_pair.fget  # type: ignore[attr-defined]

    def counted(policy: RetentionPolicy) -> Mapping[Any, ConflictDecision]:
        read.append(policy)
        return by_pair(policy)  # type: ignore[no-any-return]

    monkeypatch.setattr(RetentionPolicy, "decisions_by_pair", property(counted))
    now = datetime.now(UTC)
    terms = retention_terms(made, CallTraits(), CallTimes(received_at=now, started_at=now, ended_at=now))
    assert not terms.conflict
    assert len(read) == 1


async def test_terms_are_not_computed_in_the_writer(house: House, monkeypatch: pytest.MonkeyPatch):
    """SQLite has one writer for all accounts."""
    await let_in(house)
    threads, marks = set[str](), RetentionFacts.marks

    def seen(facts: RetentionFacts, policies: Any) -> Any:
        threads.add(threading.current_thread().name)
        return marks(facts, policies)

    monkeypatch.setattr(RetentionFacts, "marks", seen)
    await set_retention(house, kept(period="P1Y"))
    assert await house.vault.jobs.apply_policies()
    assert threads == {threading.current_thread().name}
