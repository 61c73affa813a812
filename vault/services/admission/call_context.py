"""A decrypted call, and the values that a decision takes from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.database.stores.recordings.recordings import NewRecording
from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.admission.decision import Place
from vault.domain.calls.call import SIDES, CallFacts
from vault.domain.consent.call_claims import CallClaims, outside_parties
from vault.domain.consent.call_window import CallSpan
from vault.domain.consent.consent_event import ConsentEvent, ConsentPolicy, Objection, Party
from vault.domain.recordings.recording import Recording
from vault.services.lifecycle.audio_columns import CallTimeColumns


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """The decrypted facts and consent events of a call, and the rows that they come from."""

    #: Joined for display: the newest value of each field.
    facts: CallFacts
    #: The basis of decisions: every fact ever reported.
    claims: CallClaims
    #: Each different statement, oldest first.
    statements: tuple[CallFacts, ...]
    #: In the order in which the vault received them.
    events: tuple[ConsentEvent, ...]
    #: Keyed hashes of numbers that are not stored with the call, such as those that only a recording of it has.
    numbers: tuple[bytes, ...]
    #: A number is not in E.164, and one of them is text with a number's digits that nothing can read.
    is_spelled: bool
    is_unreadable: bool
    #: The same of agents.
    agents: tuple[bytes, ...]
    #: Places that the prefixes of a party's numbers indicate whose own place was not said; None for a prefix that
    #: indicates none.
    hints: Mapping[Party, frozenset[str | None]]
    fact_ids: tuple[str, ...]
    consent_rows: int

    @property
    def terms(self) -> list[bytes]:
        """Return the keyed hashes that find the call's recordings, beside those that are stored with the call."""
        return [*self.numbers, *self.agents]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionState:
    """The switch, policy and objections of the account, for a decision."""

    switch: Switch
    policy: ConsentPolicy
    history: Sequence[SwitchChange] = ()
    #: Those of the call's numbers.
    objections: tuple[Objection, ...] = ()
    #: False where an objection may apply to a number of the call that nobody can compare with it.
    numbers_compared: bool = True


def times_to_note(recording: Recording | NewRecording, claims: CallClaims) -> CallTimeColumns:
    """Return the times of its call that a recording's row lacks: the earliest start reported, and the latest end.

    Most platforms report them with the recording; others with its call, as all do who upload recordings.
    """
    times = CallTimeColumns()
    if recording.call_started_at is None and claims.starts:
        times["call_started_at"] = min(claims.starts)
    if recording.call_ended_at is None and claims.ends:
        times["call_ended_at"] = max(claims.ends)
    return times


def call_span(
    claims: CallClaims, *, received_at: datetime, duration: timedelta | None, described: bool
) -> CallSpan:
    """Return when the call was, as far as its facts and the audio tell."""
    return CallSpan(
        started_at=min(claims.starts, default=None),
        latest_start=max(claims.starts, default=None),
        answered_at=min(claims.answers, default=None),
        latest_answer=max(claims.answers, default=None),
        earliest_end=min(claims.ends, default=None),
        ended_at=max(claims.ends, default=None),
        received_at=received_at,
        duration=duration,
        described=described,
    )


def places_of(known: CallContext, policy: ConsentPolicy) -> tuple[Place, ...]:
    """Return every place that a party may be in, for each direction reported; the strictest rule applies."""
    found: dict[Place, None] = {}
    for party in SIDES:
        for direction in known.claims.readings:
            home = None if party in outside_parties(direction) else policy.home_place
            found |= dict.fromkeys(_places_of(known, party, home))
    return tuple(found)


def _places_of(known: CallContext, party: Party, home: str | None) -> list[Place]:
    reported, hints = known.claims.places_of(party), known.hints[party]
    places = [Place(party=party, place=place, known_by="said") for place in sorted(reported)]
    found = sorted(hint for hint in hints if hint is not None and hint not in reported)
    places += [Place(party=party, place=hint, known_by="prefix") for hint in found]
    if None in hints or not places:
        places.append(Place(party=party, place=home, known_by="nothing" if home is None else "account"))
    return places
