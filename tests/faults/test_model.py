"""The vault against a small model of itself: any order of events, faults and crashes keeps every promise.

Hypothesis draws announcements, uploads, steps of the worker, the switch, declines, restrictions, erasures,
rotations of the account's key, failing calls of the object store, failing hosts of media, workers that die in
the middle of a verb, and restarts of the whole process. After each of them every recording stands where the
model allows; at the end, with the faults gone, exactly where it says.
"""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults.model import BODIES, Known, Model
from tests.faults.mortal_house import HOSTS_FAIL, WORK, MortalHouse, done_all_the_same
from tests.support.counts import count
from tests.support.rfc6962 import mth
from vault.domain.recordings.recording import IN_FLIGHT, State
from vault.errors import RecordingErased, Refused, Unavailable

CALLS = st.sampled_from(["call-1", "call-2", "call-3", "call-4"])
REFS = st.sampled_from(["a", "b", "c", "d"])
#: Which of the bodies it is: a number is shorter to read than a sound.
AUDIO = st.sampled_from(range(len(BODIES)))
#: Which call of the object store from now on fails, and whether it had its effect; mostly none.
FAULTS = st.none() | st.tuples(st.integers(1, 4), st.sampled_from(["before", "after"]))
CHOICES = st.integers(0, 4)
#: Turns after which something else happens in the middle of a verb.
TICKS = st.integers(0, 12)
_ROUNDS = 12
#: What is done to a recording waits for the first one.
of_one = precondition(lambda machine: machine.model.known)
#: What ends all that can be done to one waits for some more.
of_some = precondition(lambda machine: len(machine.model.known) > 2)


class Promises(RuleBasedStateMachine):
    """What the vault promises, tried."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.vault = Model(), MortalHouse()

    @rule(ref=REFS, call=CALLS, body=AUDIO)
    def announce(self, ref: str, call: str, body: int) -> None:
        """A webhook comes, perhaps once more: one row, and refused for good where nothing may enter."""
        known = self.model.known.get(ref)
        if known is not None:
            assert self.vault.announce(ref, known.call, BODIES[known.body]) == known.id
            return
        self.model.tell(call)
        fate = self.model.fate(call)
        self.model.known[ref] = Known(call, body, fate, id=self.vault.announce(ref, call, BODIES[body]))

    @rule(ref=st.sampled_from(["up-1", "up-2"]), call=CALLS, body=AUDIO, fault=FAULTS)
    def upload(self, ref: str, call: str, body: int, fault: tuple[int, str] | None) -> None:
        """A client sends audio, perhaps again, perhaps other audio, perhaps while the store fails."""
        known = self.model.known.get(ref)
        call = call if known is None else known.call
        self.model.tell(call)
        fate = self.model.fate(call) if known is None else known.fate
        before = None if known is None else self.vault.states(self.model)[ref]
        self.vault.fail(fault)
        try:
            recording = self.vault.upload(ref, call, BODIES[body])
        except Refused:
            # What is kept stays, but anyone who sends it again is answered as anyone who sends it now.
            other = known is not None and known.whole and known.body != body
            assert fate == "refused" or other or self.model.fate(call) == "refused"
            return self._keep_upload(ref, call, body, fate, whole=False)
        except RecordingErased:
            assert fate == "erased"
            return None
        except Unavailable:
            assert fault is not None
            return self._keep_upload(ref, call, body, fate, whole=False)
        assert fate == "alive"
        if before in {State.STORED, State.AVAILABLE}:
            assert known is not None
            assert (known.body, known.id) == (body, recording)
        return self._keep_upload(ref, call, body, fate, whole=True)

    def _keep_upload(self, ref: str, call: str, body: int, fate: str, *, whole: bool) -> None:
        known, row = self.model.known.get(ref), self.vault.id_of(ref)
        if known is None and row is not None:
            self.model.known[ref] = Known(call, body, fate, id=row, whole=whole)
        elif known is not None and whole and not known.whole:
            known.body, known.whole = body, True

    def _one(self, which: int) -> Known:
        """Return one of the recordings, the newest first: it is the one that is still on its way."""
        known = [*self.model.known.values()]
        return known[-1 - which % len(known)]

    @rule(choice=CHOICES, fault=FAULTS)
    def work(self, choice: int, fault: tuple[int, str] | None) -> None:
        """A worker does one piece of work, and the store may fail it."""
        name = self.vault.useful(self.model, choice)
        self.vault.fail(fault)
        self.vault.step(name)

    @rule()
    def all_goes_well(self) -> None:
        """The worker does one piece of each work."""
        self.vault.fail(None)
        for name in WORK:
            self.vault.step(name)

    @rule(choice=CHOICES, ticks=TICKS)
    def die(self, choice: int, ticks: int) -> None:
        """A worker dies in the middle of its work, and its lease runs out."""
        self.vault.fail(None)
        self.vault.die(self.vault.verb(self.vault.useful(self.model, choice)), ticks)
        self.vault.hurry()

    @rule(choice=CHOICES, ticks=TICKS)
    def overtake(self, choice: int, ticks: int) -> None:
        """A worker sleeps too long, another one takes its work, and then it goes on: it changes nothing."""
        self.vault.fail(None)
        verb = self.vault.verb(self.vault.useful(self.model, choice))
        self.vault.amid(verb, ticks, verb)

    @rule(choice=CHOICES, ticks=TICKS)
    def switch_off_amid_work(self, choice: int, ticks: int) -> None:
        """What had not become available when off returned never does."""
        self.vault.fail(None)
        was_on, after = self.model.enabled, {}

        async def off() -> None:
            await self.vault.switch(enabled=False)
            after.update({ref: await self.vault.house.state(one.id) for ref, one in self.model.known.items()})

        self.vault.amid(self.vault.verb(self.vault.useful(self.model, choice)), ticks, off)
        if was_on:
            self.model.refuse_in_flight(
                after | {r: State.STORED for r, s in after.items() if s is State.REFUSED}
            )
        self.model.enabled = False

    @of_some
    @rule(which=CHOICES, choice=CHOICES, ticks=TICKS)
    def erase_amid_work(self, which: int, choice: int, ticks: int) -> None:
        """A recording is erased while a worker has it in its hands."""
        self.vault.fail(None)
        known, verb = self._one(which), self.vault.verb(self.vault.useful(self.model, choice))
        self.vault.amid(verb, ticks, lambda: self.vault.erase(known))
        known.fate = "erased"

    @of_one
    @rule(which=CHOICES, restricted=st.booleans(), choice=CHOICES, ticks=TICKS)
    def restrict(self, which: int, *, restricted: bool, choice: int, ticks: int) -> None:
        """An admin restricts a recording, or lifts that, while a worker is at work."""
        self.vault.fail(None)
        known, verb = self._one(which), self.vault.verb(self.vault.useful(self.model, choice))
        self.vault.amid(verb, ticks, lambda: self.vault.restrict(known, restricted=restricted))
        known.restricted = restricted

    @rule(how=st.sampled_from([*HOSTS_FAIL]))
    def fetch_fails(self, how: str) -> None:
        """A host of media fails: what passes is tried again, and what is gone there fails for good."""
        self.vault.fail(None)
        self.vault.hurry()
        before = self.vault.states(self.model)
        self.vault.fetch_failing(how)
        after = self.vault.states(self.model)
        waited = any(state in WORK["ingest"] for ref, state in before.items() if not ref.startswith("up"))
        failed = self.model.fail(before, after)
        assert len(failed) == (how == "has lost it" and waited)
        assert waited <= (bool(failed) or State.RETRY_WAIT in after.values())

    @rule(choice=CHOICES, ticks=TICKS)
    def rotate(self, choice: int, ticks: int) -> None:
        """An admin rotates the account's key while a worker is at work; one rotation at a time."""
        self.vault.fail(None)
        due = self.vault.rotating()

        async def rotate() -> None:
            version = await self.vault.rotate()
            assert version == self.model.key_version + 1
            self.model.key_version = version

        was = self.model.key_version
        self.vault.amid(self.vault.verb(self.vault.useful(self.model, choice)), ticks, rotate)
        assert due or self.model.key_version == was + 1

    @rule()
    def time_passes(self) -> None:
        """Every lease runs out, and the time of every second attempt comes."""
        self.vault.hurry()

    @rule()
    def restart(self) -> None:
        """The process dies, and comes back to its file."""
        self.vault.restart()

    @rule(enabled=st.sampled_from([True, True, False]))
    def switch(self, *, enabled: bool) -> None:
        """An admin sets the switch: off refuses all that is on its way."""
        states = self.vault.states(self.model)
        with done_all_the_same():
            self.vault.do(self.vault.switch(enabled=enabled))
        if self.model.enabled and not enabled:
            self.model.refuse_in_flight(states)
        self.model.enabled = enabled

    @rule(call=CALLS)
    def decline(self, call: str) -> None:
        """A caller says no: nothing of the call enters, and nothing of it is heard any more."""
        states = self.vault.states(self.model)
        with suppress(Refused), done_all_the_same():
            self.vault.decline(call)
        self.model.refuse_in_flight(states, call)
        self.model.declined.add(call)

    @of_some
    @rule(which=CHOICES)
    def erase(self, which: int) -> None:
        """A recording is erased, in whatever state it is."""
        known = self._one(which)
        with suppress(RecordingErased), done_all_the_same():
            self.vault.do(self.vault.erase(known))
        known.fate = "erased"

    @of_one
    @rule(which=CHOICES)
    def hear(self, which: int) -> None:
        """What is available is heard as it was announced; nothing else is."""
        self.vault.fail(None)
        known = self._one(which)
        available = self.vault.do(self.vault.house.state(known.id)) is State.AVAILABLE
        wanted = BODIES[known.body] if available and not known.restricted else None
        assert self.vault.heard(known) == wanted

    @rule()
    def sweep(self) -> None:
        """What crashes left behind is removed a day later, and nothing else."""
        self.vault.fail(None)
        self.vault.sweep()

    @invariant()
    def every_recording_stands_where_it_may(self) -> None:
        """In one state, which is one of its fate; what was refused or erased opens nothing."""
        for ref, state in self.vault.states(self.model).items():
            known = self.model.known[ref]
            gone = {
                "refused": {State.REFUSED},
                "failed": {State.FAILED},
                "erased": {State.ERASING, State.ERASED},
            }
            assert state in gone.get(known.fate, {*IN_FLIGHT, State.AVAILABLE}), (ref, known.fate, state)
            if known.fate != "alive":
                assert self.vault.keys_gone(known)

    def teardown(self) -> None:
        """The faults are over: all come where they belong, nothing else is left, and the log tells of it."""
        try:
            self._settle()
        finally:
            self.vault.close()

    def _settle(self) -> None:
        self.vault.fail(None)
        for _ in range(_ROUNDS):
            self.vault.hurry()
            for name in [*WORK, "rewrap"]:
                self.vault.step(name)
        assert not self.vault.rotating()
        assert self.vault.versions() <= {self.model.key_version}
        self.every_recording_stands_where_it_may()
        states = self.vault.states(self.model)
        for ref, known in self.model.known.items():
            if known.fate == "alive" and known.whole:
                assert states[ref] is State.AVAILABLE, (ref, states[ref])
                assert self.vault.heard(known) == (None if known.restricted else BODIES[known.body])
        self.vault.sweep()
        assert self.vault.kept_objects() == self.vault.named_objects(self.model)
        leaves, root = self.vault.leaves()
        assert mth(leaves) == root


@pytest.mark.faults
def test_the_vault_keeps_its_promises_in_any_order() -> None:
    """Runs of forty steps each against the model."""
    runs = count("runs of 40 steps against the model", small=15, full=300)
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    wanted = settings(
        max_examples=runs, stateful_step_count=40, deadline=None, suppress_health_check=checks, database=None
    )
    run_state_machine_as_test(Promises, settings=wanted)
