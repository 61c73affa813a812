"""Search for what an account holds of a person, by numbers in any spelling and by names of agents.

A call that was reported with a national spelling can be found by several numbers. Where the spelling can mean the
number of somebody else too, the call is listed apart, as possible, and a decision applies to it only by naming it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.stores.requests.person_search import MAX_FOUND, PersonCall, PersonRecording
from vault.database.transaction import Transaction
from vault.domain.requests.found import FoundSummary, by_year, gaps_between
from vault.domain.requests.request import Identity, Period, PersonalData
from vault.errors import Invalid, TooLarge
from vault.services.admission.certain_numbers import CertainNumbers, NumberTerms
from vault.services.admission.number_terms import CallTerms
from vault.services.shared.encrypted_fields import name_terms

_NO_REGION: Final = (
    "region is required for a number without its country: the account has no country of its own."
)
_SEVERAL: Final = "region must name the country of this number: it can mean several numbers."
_DIGIT: Final = re.compile("[0-9]")
#: Of a national number, without its area. What has fewer is a number nowhere.
_FEWEST_DIGITS: Final = 4
_ON_EXTENSION: Final = "send the number without its extension, if all calls of the number are this person's."


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTerms:
    """The keyed hashes that find a person."""

    numbers: NumberTerms
    #: Of names of agents, which are this person's alone.
    agents: frozenset[bytes]
    #: Of links.
    listeners: tuple[bytes, ...]

    @property
    def calls(self) -> tuple[bytes, ...]:
        """Return those of calls and recordings, in every spelling."""
        return (*self.numbers.calls, *sorted(self.agents))

    @property
    def own(self) -> frozenset[bytes]:
        """Return those that are this person's alone: numbers with their country, and names of agents."""
        return self.numbers.own | self.agents

    @property
    def objections(self) -> tuple[bytes, ...]:
        """Return those of the numbers' objections."""
        return self.numbers.numbers

    def are_certain(self, known: AbstractSet[bytes]) -> bool:
        """Return whether a call with the terms ``known`` is the person's, however the spellings in it are read."""
        return bool(known & self.agents) or self.numbers.are_certain(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPerson:
    """What the account holds of a person, in the period that was asked for; oldest first."""

    recordings: Sequence[PersonRecording]
    #: Calls without a recording.
    calls: Sequence[PersonCall]
    #: The same of calls whose spelling can mean the number of somebody else; a person has to decide on each.
    possible_recordings: Sequence[PersonRecording]
    possible_calls: Sequence[PersonCall]
    #: Of what is the person's, without what is possible.
    summary: FoundSummary
    #: The keyed hashes that are this person's alone.
    own_terms: frozenset[bytes]
    #: The ids of those of all these recordings that a hold keeps from being erased.
    held: frozenset[str] = frozenset()
    #: The same of the calls without a recording, by ``call_ref``: their facts are kept.
    held_calls: frozenset[str] = frozenset()

    def decided_by(self, verdicts: Mapping[str, object]) -> "FoundPerson":
        """Add the possible recordings and calls that a decision names by id or ``call_ref``."""
        recordings = [one for one in self.possible_recordings if one.id in verdicts]
        calls = [one for one in self.possible_calls if one.call_ref in verdicts]
        return replace(self, recordings=(*self.recordings, *recordings), calls=(*self.calls, *calls))


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPerson:
    """Normalize identities, and search by their keyed hashes."""

    database: Database
    call_terms: CallTerms
    certain_numbers: CertainNumbers

    async def normalize(self, account_id: str, identities: Sequence[Identity]) -> tuple[Identity, ...]:
        """Return the identities with their numbers in E.164.

        Raises Invalid for a number that is none, for one with an extension, and for a national spelling that can mean
        several numbers.
        """
        home = await self.certain_numbers.home_regions(account_id)
        return tuple(
            self._normalized(identity, home, f"identities.{place}")
            for place, identity in enumerate(identities)
        )

    def _normalized(self, identity: Identity, home: Sequence[str], place: str) -> Identity:
        if identity.type == "agent":
            return identity
        regions = [identity.region] if identity.region else home
        try:
            number = self.certain_numbers.read(
                identity.value, regions, field=f"{place}.value", on_extension=_ON_EXTENSION
            )
        except Invalid:
            # With a country it might be a number; without one nobody can tell.
            is_national = "+" not in identity.value
            if is_national and not regions and len(_DIGIT.findall(identity.value)) >= _FEWEST_DIGITS:
                raise Invalid(_NO_REGION, field=f"{place}.region") from None
            raise
        if identity.region is None and self.certain_numbers.is_ambiguous(identity.value, regions):
            raise Invalid(_SEVERAL, field=f"{place}.region")
        return replace(identity, number=number)

    async def terms(self, account_id: str, personal: PersonalData) -> PersonTerms:
        """Return the keyed hashes of a person's identities. Raises NotFound, Unavailable."""
        key = await self.call_terms.index_key(account_id)
        written = [one.value for one in personal.identities if one.type == "number"]
        agents = frozenset(term for name in personal.agents for term in name_terms(key, "agent", name))
        return PersonTerms(
            numbers=await self.certain_numbers.terms(account_id, personal.numbers, written),
            agents=agents,
            listeners=tuple(term for name in personal.agents for term in name_terms(key, "listener", name)),
        )

    async def __call__(self, account_id: str, personal: PersonalData) -> FoundPerson:
        """Return what is found. Raises TooLarge for more than MAX_FOUND recordings or calls, Unavailable."""
        terms = await self.terms(account_id, personal)
        period = personal.period or Period()
        while True:
            found = await self.database.read(partial(_find, account_id, terms, period))
            if isinstance(found, FoundPerson):
                break
            numbers = await self.certain_numbers.with_others(account_id, terms.numbers, found)
            terms = replace(terms, numbers=numbers)
        recordings = len(found.recordings) + len(found.possible_recordings)
        if max(recordings, len(found.calls) + len(found.possible_calls)) > MAX_FOUND:
            raise TooLarge(f"The search finds more than {MAX_FOUND} recordings: give a shorter period.")
        return found


def _find(account_id: str, terms: PersonTerms, period: Period, tx: Transaction) -> FoundPerson | set[str]:
    """Return what is found; or the numbers of which more must be read to tell what is certain."""
    recordings = tx.person_search.recordings(account_id, terms.calls, period)
    calls = tx.person_search.calls(account_id, terms.calls, period)
    refs = {*(found.call_ref for found in recordings), *(found.call_ref for found in calls)}
    known = tx.person_search.terms_of_calls(account_id, refs)
    if unread := terms.numbers.unread(known.values()):
        return unread
    certain = sorted(ref for ref in refs if terms.are_certain(known.get(ref, frozenset())))
    mine = frozenset(certain)
    own_recordings = [found for found in recordings if found.call_ref in mine]
    own_calls = [found for found in calls if found.call_ref in mine]
    moments = [*(found.at for found in own_recordings), *(found.at for found in own_calls)]
    now = tx.now()
    return FoundPerson(
        recordings=own_recordings,
        calls=own_calls,
        possible_recordings=[found for found in recordings if found.call_ref not in mine],
        possible_calls=[found for found in calls if found.call_ref not in mine],
        summary=FoundSummary(
            by_year=by_year(moments),
            by_state=dict(sorted(Counter(str(found.state) for found in own_recordings).items())),
            calls_without_recording=len(own_calls),
            consent_events=tx.person_search.count_consents(account_id, certain),
            objections=len(tx.objections.of_terms(account_id, terms.objections)),
            links=tx.person_search.count_links(account_id, terms.listeners),
            gaps=gaps_between(moments),
        ),
        own_terms=terms.own,
        held=frozenset(tx.holds.held_among(account_id, [found.id for found in recordings], now)),
        held_calls=frozenset(tx.holds.held_calls_among(account_id, [found.call_ref for found in calls], now)),
    )
