"""Find what is certainly about a person's numbers, and not about those of somebody else.

Platforms report numbers in national spellings, and one of those can mean the numbers of several people: ``2025550100``
is one of Washington, and without a plus one of Egypt.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from vault.database.interface import Database
from vault.errors import Invalid
from vault.ports.numbers import Numbers
from vault.services.admission.call_rows import home_regions
from vault.services.admission.number_terms import CallTerms, terms_of_number, unreadable_term
from vault.services.shared.encrypted_fields import search_term
from vault.services.shared.paced import paced
from vault.thread_pools import Threads


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTerms:
    """The keyed hashes of a person's numbers."""

    #: Of calls and recordings, in every spelling, and of those whose numbers nothing can read.
    calls: tuple[bytes, ...]
    #: Those that are this person's alone, each with its number: numbers with their country.
    own_numbers: Mapping[bytes, str]
    #: Of the numbers in E.164 alone.
    numbers: tuple[bytes, ...]
    #: By number, the others that a spelling of it can mean. They cost much, so only those are read that are needed.
    others: Mapping[str, frozenset[bytes]] = field(default_factory=dict)

    @property
    def own(self) -> frozenset[bytes]:
        """Return those that are this person's alone."""
        return frozenset(self.own_numbers)

    def unread(self, calls: Collection[AbstractSet[bytes]]) -> set[str]:
        """Return the numbers in calls with these terms whose ``others`` must be read before ``are_certain``."""
        return {number for known in calls for number in self._named(known)} - self.others.keys()

    def are_certain(self, known: AbstractSet[bytes]) -> bool:
        """Return whether a call with the terms ``known`` is of these numbers, however the spellings in it are read.

        A spelling without its country has the terms of every number that it can mean. One that only an earlier release
        indexed has none of them.
        """
        named = self._named(known)
        return bool(named) and not any(known & self.others[number] for number in named)

    def _named(self, known: AbstractSet[bytes]) -> set[str]:
        return {self.own_numbers[term] for term in known & self.own_numbers.keys()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertainNumbers:
    """Read the numbers that somebody names a person by, and hash them."""

    database: Database
    call_terms: CallTerms
    numbers: Numbers
    threads: Threads

    async def home_regions(self, account_id: str) -> Sequence[str]:
        """Return the countries by whose numbering plans the account's national spellings are read."""
        return await self.database.read(lambda tx: home_regions(tx, account_id))

    def read(self, written: str, regions: Sequence[str], *, field: str, on_extension: str) -> str:
        """Return the number in E.164, in the first of the regions in which it is one.

        Raises Invalid, naming ``field``, for what is no number, and for one with an extension: calls are found by the
        number alone, so those of everybody behind it would be taken for this person's.
        """
        try:
            number = self.numbers.e164(written, regions)
        except Invalid as error:
            raise Invalid(str(error), field=field) from None
        if self.numbers.has_extension(written):
            raise Invalid(f"Extensions cannot be searched: {on_extension}", field=field)
        return number

    def is_ambiguous(self, written: str, regions: Sequence[str]) -> bool:
        """Return whether it can mean several numbers: one of them may be the number of somebody else."""
        return len(self.numbers.readings(written, regions)) > 1

    async def terms(self, account_id: str, numbers: Sequence[str], written: Sequence[str]) -> NumberTerms:
        """Return the keyed hashes of numbers in E.164, which somebody wrote as ``written``. Raises NotFound."""
        key = await self.call_terms.index_key(account_id)
        # What nothing can read may be about anybody: a person looks at it.
        every = {unreadable_term(key), *(search_term(key, "number", one.strip()) for one in written)}
        own = dict[bytes, str]()
        async for number in paced(numbers):
            every |= terms_of_number(key, self.numbers, number)
            # With 00 it names its country as with a plus.
            own |= {search_term(key, "number", one): number for one in (number, f"00{number[1:]}")}
        return NumberTerms(
            calls=tuple(sorted(every)),
            own_numbers=own,
            numbers=tuple(search_term(key, "number", number) for number in numbers),
        )

    async def with_others(self, account_id: str, terms: NumberTerms, unread: Collection[str]) -> NumberTerms:
        """Return the terms, with the other numbers that spellings of ``unread`` can mean. Raises NotFound."""
        key, home = await self.call_terms.index_key(account_id), await self.home_regions(account_id)
        mine, others = set(terms.own_numbers.values()), dict(terms.others)
        # The plan that a spelling was read by is not on record: a party's place, or the account's at that time.
        for number in sorted(unread):
            found = await self.threads.run(self.numbers.confusable, number, home)
            others[number] = frozenset(search_term(key, "number", other) for other in found - mine)
        return replace(terms, others=others)
