"""Search for what an account holds of a person, by numbers in any spelling and by names of agents."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.database.stores.requests import MAX_FOUND, FoundCall, FoundRecording
from vault.database.transaction import Transaction
from vault.domain.requests.found import FoundSummary, by_year, gaps_between
from vault.domain.requests.request import Identity, Period, PersonalData
from vault.errors import Invalid, TooLarge
from vault.ports.numbers import Numbers
from vault.services.admission.admission import Admission
from vault.services.admission.call_rows import home_regions
from vault.services.shared.encrypted_fields import search_term


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTerms:
    """The keyed hashes that find a person."""

    #: Of calls and recordings.
    calls: tuple[bytes, ...]
    #: Of the numbers' objections.
    objections: tuple[bytes, ...]
    #: Of links.
    listeners: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPerson:
    """What the account holds of a person, in the period that was asked for; oldest first."""

    recordings: Sequence[FoundRecording]
    #: Calls without a recording.
    calls: Sequence[FoundCall]
    summary: FoundSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPerson:
    """Normalize identities, and search by their keyed hashes."""

    database: Database
    admission: Admission
    numbers: Numbers

    async def normalize(self, account_id: str, identities: Sequence[Identity]) -> tuple[Identity, ...]:
        """Return the identities with their numbers in E.164.

        Raises Invalid for a number that is none, and for a national spelling that can mean several numbers.
        """
        home = await self.database.read(lambda tx: home_regions(tx, account_id))
        return tuple(
            self._normalized(identity, home, f"identities.{place}")
            for place, identity in enumerate(identities)
        )

    def _normalized(self, identity: Identity, home: Sequence[str], place: str) -> Identity:
        if identity.type == "agent":
            return identity
        regions = [identity.region] if identity.region else home
        try:
            number = self.numbers.e164(identity.value, regions)
        except Invalid as error:
            raise Invalid(str(error), field=f"{place}.value") from None
        if identity.region is None and len(self.numbers.readings(identity.value, regions)) > 1:
            # One of them may be the number of somebody else.
            text = f"{place}.region must name the country of this number: it can mean several numbers."
            raise Invalid(text, field=f"{place}.region")
        return replace(identity, number=number)

    async def terms(self, account_id: str, personal: PersonalData) -> PersonTerms:
        """Return the keyed hashes of a person's identities. Raises NotFound, Unavailable."""
        key = await self.admission.index_key(account_id)
        # Rows of earlier releases have only the hash of the number as it was written.
        spellings = {spelled for number in personal.numbers for spelled in self.numbers.spellings(number)}
        written = {one.value.strip() for one in personal.identities if one.type == "number"}
        numbers = sorted({*personal.numbers, *spellings, *written})
        calls = [search_term(key, "number", number) for number in numbers]
        calls += [search_term(key, "agent", agent) for agent in personal.agents]
        return PersonTerms(
            calls=tuple(calls),
            objections=tuple(search_term(key, "number", number) for number in personal.numbers),
            listeners=tuple(search_term(key, "listener", agent) for agent in personal.agents),
        )

    async def __call__(self, account_id: str, personal: PersonalData) -> FoundPerson:
        """Return what is found. Raises TooLarge for more than MAX_FOUND recordings or calls, Unavailable."""
        terms = await self.terms(account_id, personal)
        period = personal.period or Period()
        found = await self.database.read(lambda tx: _find(tx, account_id, terms, period))
        if max(len(found.recordings), len(found.calls)) > MAX_FOUND:
            raise TooLarge(f"The search finds more than {MAX_FOUND} recordings: give a shorter period.")
        return found


def _find(tx: Transaction, account_id: str, terms: PersonTerms, period: Period) -> FoundPerson:
    recordings = tx.requests.find_recordings(account_id, terms.calls, period)
    calls = tx.requests.find_calls(account_id, terms.calls, period)
    refs = sorted({*(found.call_ref for found in recordings), *(found.call_ref for found in calls)})
    moments = [*(found.at for found in recordings), *(found.at for found in calls)]
    return FoundPerson(
        recordings=recordings,
        calls=calls,
        summary=FoundSummary(
            by_year=by_year(moments),
            by_state=dict(sorted(Counter(str(found.state) for found in recordings).items())),
            calls_without_recording=len(calls),
            consent_events=tx.requests.count_consents(account_id, refs),
            objections=len(tx.objections.of_terms(account_id, terms.objections)),
            links=tx.requests.count_links(account_id, terms.listeners),
            gaps=gaps_between(moments),
        ),
    )
