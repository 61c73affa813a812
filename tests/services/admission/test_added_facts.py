"""Adding facts to a call never makes its admission more permissive than it was on the same questions."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.packaged_rules import packaged
from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import ConsentEvent, ConsentPolicy, Objection
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext, places_of
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import CallRows
from vault.services.admission.number_terms import CallTerms
from vault.telephony.numbering.number_plans import NumberPlans

T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
STRICTNESS = ("allow", "quarantine", "refuse")
NUMBERS = ("+14155550187", "4155550187", "sip:+14155550187@gw", "+12025550100", "+33612345678", "anonymous")
PLACES = ("US-DC", "US-CA", "US-WA", "FR", "DE", "CN", "ZZ")


class _Carried:
    """The account's index key."""

    async def index_key(self, account_id: str) -> bytes:
        """Return it."""
        return account_id.encode()


NOTHING: Any = None
ADMISSION = Admission(rule_book=packaged())
OPENER = CallOpener(
    database=NOTHING,
    ring=NOTHING,
    numbers=NumberPlans(),
    call_terms=CallTerms(database=NOTHING, numbers=NumberPlans(), data_keys=cast("Any", _Carried())),
)


def at(minute: float) -> datetime:
    """Return a minute of the hour in which everything happens."""
    return T0 + timedelta(minutes=minute)


def result_of(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("It waits for something.")


def opened(*said: CallFacts) -> CallContext:
    """Return a call of which this was said."""
    context: CallContext = result_of(OPENER.open("acct", "call-1", CallRows(facts=(), consents=()), *said))
    return context


@dataclass(frozen=True)
class Around:
    """What a decision stands on beside the facts of the call."""

    policy: ConsentPolicy
    events: tuple[ConsentEvent, ...]
    history: tuple[SwitchChange, ...]
    objecting: frozenset[str]
    objection: Objection
    #: Whether the terms of an objection are not written yet, as after an update.
    unread: bool
    duration: timedelta | None
    described: bool

    def decide(self, statements: Sequence[CallFacts]) -> Decision:
        """Decide on a call of which this was said."""
        known = opened(*statements)
        named = [CallFacts(call_ref="call-1", caller=number) for number in self.objecting]
        objecting = opened(*named).numbers
        last = self.history[-1]
        switch = Switch(enabled=last.enabled, epoch=last.epoch, changed_at=last.at, changed_by=last.by)
        row = SimpleNamespace(objection=self.objection)
        tx: Any = SimpleNamespace(
            accounts=SimpleNamespace(
                switch=lambda _account: switch, switch_history=lambda _account: self.history
            ),
            policies=SimpleNamespace(current=lambda _account: self.policy),
            objections=SimpleNamespace(
                of_call=lambda _account, _call, terms: [row] if set(terms) & set(objecting) else [],
                any_unread=lambda _account: self.unread,
            ),
        )
        return ADMISSION.decide(
            tx, "acct", replace(known, events=self.events), received_at=at(50),
            epoch_at_receipt=switch.epoch, duration=self.duration, described=self.described,
        )  # fmt: skip


minutes = st.integers(0, 60).map(at)
statements = st.builds(
    CallFacts,
    call_ref=st.just("call-1"),
    direction=st.sampled_from([None, "inbound", "outbound"]),
    caller=st.none() | st.sampled_from(NUMBERS),
    callee=st.none() | st.sampled_from(NUMBERS),
    started_at=st.none() | minutes,
    answered_at=st.none() | minutes,
    ended_at=st.none() | minutes,
    caller_place=st.none() | st.sampled_from(PLACES),
    callee_place=st.none() | st.sampled_from(PLACES),
)
policies = st.builds(
    ConsentPolicy,
    missing_evidence=st.sampled_from(["quarantine", "refuse", "accept"]),
    mode=st.sampled_from(["none", "tone", "announce", "opt_in_key"]),
    home_place=st.none() | st.sampled_from(PLACES),
)
events = st.builds(
    ConsentEvent,
    id=st.just("told_1"),
    party=st.sampled_from(["caller", "callee"]),
    answer=st.sampled_from(["announced", "announced", "accepted"]),
    method=st.sampled_from(["announcement", "tone", "key"]),
    at=minutes,
    heard_at=minutes,
    offset=st.none() | st.sampled_from([timedelta(seconds=-8), timedelta(0)]),
    length=st.none() | st.just(timedelta(seconds=6)),
    told_by=st.just("key_1"),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[SwitchChange, ...]:
    """Draw the history of a switch that is on now."""
    changes, epoch = [SwitchChange(enabled=True, epoch=0, at=at(-999), by="vault", reason=None)], 0
    times = sorted(draw(st.lists(st.integers(0, 60), max_size=4, unique=True)))
    for place, minute in enumerate(times[: len(times) // 2 * 2]):
        enabled = place % 2 == 1
        epoch += not enabled
        changes.append(SwitchChange(enabled=enabled, epoch=epoch, at=at(minute), by="key_1", reason=None))
    return tuple(changes)


arounds = st.builds(
    Around,
    policy=policies,
    events=st.lists(events, max_size=3).map(tuple),
    history=histories(),
    objecting=st.frozensets(st.sampled_from(NUMBERS[:5]), max_size=1),
    objection=st.builds(
        Objection, since=st.just(at(-500)), until=st.none() | minutes, reason=st.none(), by=st.just("key_1")
    ),
    unread=st.booleans(),
    duration=st.none() | st.integers(1, 30).map(lambda minute: timedelta(minutes=minute)),
    described=st.booleans(),
)


def answered(said: Sequence[CallFacts], added: CallFacts) -> CallFacts:
    """Return what is added to questions that were answered before: the first answer is no contradiction.

    Where a number is used is a question of its own for each number: the first place that is said with it answers that.
    Where a party is has an answer as soon as a number or a place of it is known.
    """
    known = {
        one.name for one in fields(CallFacts) if any(getattr(piece, one.name) is not None for piece in said)
    }
    for side in ("caller", "callee"):
        known |= {f"{side}_place"} if side in known else set()
    kept = replace(added, **{one.name: None for one in fields(CallFacts) if one.name not in known})
    for side in ("caller", "callee"):
        same = [piece for piece in said if getattr(piece, side) == getattr(kept, side) is not None]
        if same and all(getattr(piece, f"{side}_place") is None for piece in same):
            kept = replace(kept, **{f"{side}_place": None})
    return kept


@settings(deadline=None, max_examples=120)
@given(arounds, st.lists(statements, min_size=1, max_size=3), statements, st.integers(0, 3))
def test_adding_a_fact_never_makes_it_more_permissive(
    around: Around, said: list[CallFacts], added: CallFacts, place: int
):
    """Wherever in the order it comes; and saying something twice, or in another order, changes nothing."""
    before = around.decide(said)
    after = around.decide([*said[:place], answered(said, added), *said[place:]])
    assert STRICTNESS.index(after.verdict) >= STRICTNESS.index(before.verdict)
    codes = [{reason.code for reason in one.grounds if reason.source != "consent"} for one in (before, after)]
    assert codes[0] <= codes[1]
    assert around.decide([*reversed(said), *said]).verdict == before.verdict


@settings(deadline=None, max_examples=300)
@given(policies, st.lists(statements, min_size=1, max_size=3), statements)
def test_adding_a_fact_takes_no_place_away(policy: ConsentPolicy, said: list[CallFacts], added: CallFacts):
    """Each rule that counted still counts."""
    before, after = (
        {(one.party, one.place) for one in places_of(opened(*pieces), policy)}
        for pieces in (said, [*said, answered(said, added)])
    )
    assert before <= after


@settings(deadline=None, max_examples=50)
@given(arounds, st.lists(statements, max_size=3), st.lists(statements, max_size=3))
def test_nothing_that_is_added_cancels_an_objection_that_stands(
    around: Around, said: list[CallFacts], added: list[CallFacts]
):
    """Nor does the first answer to another question."""
    around = replace(
        around, objecting=frozenset({NUMBERS[0]}), objection=replace(around.objection, until=None)
    )
    said = [*said, CallFacts(call_ref="call-1", callee=NUMBERS[0])]
    for statements_now in (said, [*said, *added]):
        assert "objection" in {reason.code for reason in around.decide(statements_now).grounds}


BASE = {"call_ref": "call-1", "direction": "inbound", "callee": "+15125550100", "callee_place": "US-TX"}
CALIFORNIAN = CallFacts(caller="+14155550187", **BASE)  # type: ignore[arg-type]
TEXAN = CallFacts(caller="+15125550111", caller_place="US-TX", **BASE)  # type: ignore[arg-type]


def places_of_caller(*said: CallFacts) -> set[tuple[str | None, str]]:
    """Return where the caller is taken to be."""
    places = places_of(opened(*said), ConsentPolicy())
    return {(one.place, one.known_by) for one in places if one.party == "caller"}


def test_a_place_that_is_said_of_one_number_leaves_the_prefix_of_another():
    """After a transfer the party has another number; its place tells nothing of where the first one is."""
    both = {("US-CA", "prefix"), ("US-TX", "said")}
    assert places_of_caller(CALIFORNIAN) == {("US-CA", "prefix")}
    assert places_of_caller(CALIFORNIAN, TEXAN) == places_of_caller(TEXAN, CALIFORNIAN) == both
    # A place that comes without a number is of none of them.
    alone = replace(TEXAN, caller=None)
    assert places_of_caller(CALIFORNIAN, alone) == places_of_caller(alone, CALIFORNIAN) == both


def test_the_place_of_a_number_itself_counts_instead_of_its_prefix():
    """Whichever report says it, and however often the number comes without it."""
    moved = replace(CALIFORNIAN, caller_place="US-TX")
    assert places_of_caller(CALIFORNIAN, moved, CALIFORNIAN) == {("US-TX", "said")}


def test_a_number_without_a_prefix_is_in_an_unknown_place():
    """Beside the place that was said of another number of the party."""
    hidden = replace(CALIFORNIAN, caller="anonymous")
    assert places_of_caller(hidden, TEXAN) == {(None, "nothing"), ("US-TX", "said")}
