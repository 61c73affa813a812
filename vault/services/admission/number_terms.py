"""The keyed hashes that find calls by numbers: of texts that calls were reported with, and of numbers.

There are two kinds. A number that a text certainly names is hashed in E.164. The keys of every number that it can mean
(``vault/domain/calls/number_reader.py``) are hashed apart, so that what is possible can be told from what is certain.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.domain.calls.call import CallFacts
from vault.domain.calls.number_reader import is_plain, keys_of, read_numbers, regions_of
from vault.errors import Invalid
from vault.ports.numbers import Numbers
from vault.services.admission.call_rows import home_regions
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import (
    name_term,
    search_term,
    search_terms,
)

_CERTAIN: Final = "number"
_POSSIBLE: Final = "number key"
#: The key of every text that nothing can read.
_UNREADABLE: Final = "unreadable"
#: What is hashed: a kind, and a text of that kind.
Value = tuple[str, str]
#: Max numbers of a call that are not in E.164; with more of them nothing tells what it is about.
MAX_SPELLED: Final = 50


def read_text(numbers: Numbers, written: str, plans: Sequence[str]) -> set[Value]:
    """Return what is hashed of a text that a call was reported with, read by the numbering plans of these countries."""
    certain = {written, *numbers.readings(written, plans)}
    return {(_CERTAIN, one) for one in certain} | _possible(written, certain)


def possible_terms(index_key: bytes, texts: Iterable[str]) -> set[bytes]:
    """Return the terms of all numbers that texts can mean, without a numbering plan."""
    return search_terms(index_key, _possible_of(texts))


def _possible_of(texts: Iterable[str]) -> set[Value]:
    return set[Value]().union(*(_possible(written, {written}) for written in texts))


def _possible(written: str, certain: set[str]) -> set[Value]:
    found = read_numbers(written)
    # A number with its country is found by its certain term.
    keys = {key for key in found.keys if not (key.startswith("+") and key in certain)}
    if found.is_unreadable:
        keys.add(_UNREADABLE)
    return {(_POSSIBLE, key) for key in keys}


def restrained_number(numbers: Numbers, written: str, regions: Sequence[str]) -> str:
    """Return the number in E.164 that an objection or a hold names, also one that no numbering plan knows.

    Plans change, and satellites have numbers too: who writes a plus and the digits means that number. Raises Invalid.
    """
    try:
        return numbers.e164(written, regions)
    except Invalid:
        if is_plain(written.strip()):
            return written.strip()
        raise


def terms_of_number(index_key: bytes, numbers: Numbers, number: str) -> set[bytes]:
    """Return the terms of every text that can mean a number in E.164.

    Rows of earlier releases have only the hash of the number as it was written, so its usual spellings are included.
    """
    spellings = numbers.spellings(number)
    return _every_term(index_key, (number, *spellings), keys_of(number, spellings))


def terms_of_reported(index_key: bytes, written: str) -> set[bytes]:
    """Return the terms of every text that can mean one of the numbers in this one, which a call was reported with."""
    return _every_term(index_key, (written,), read_numbers(written).keys)


def _every_term(index_key: bytes, written: Iterable[str], keys: Collection[str]) -> set[bytes]:
    """Return the terms of texts, and of keys; those with a country are also terms of certain numbers."""
    certain = {*written, *(key for key in keys if key.startswith("+"))}
    return search_terms(index_key, {(_CERTAIN, one) for one in certain} | {(_POSSIBLE, key) for key in keys})


def term_of_e164(index_key: bytes, number: str) -> bytes:
    """Return the term of texts that certainly name a number in E.164, and of its objections."""
    return search_term(index_key, _CERTAIN, number)


def unreadable_term(index_key: bytes) -> bytes:
    """Return the term of every text with the digits of a number that nothing can read."""
    return search_term(index_key, _POSSIBLE, _UNREADABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTerms:
    """The keyed hashes of facts of a call."""

    #: The countries by whose numbering plans the numbers were read.
    regions: Sequence[str]
    numbers: Sequence[bytes]
    agents: Sequence[bytes]

    @property
    def all(self) -> list[bytes]:
        """Return what finds the call."""
        return [*self.numbers, *self.agents]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTerms:
    """The keyed hashes by which calls are found, of the numbers and agents in their facts."""

    database: Database
    numbers: Numbers
    data_keys: AccountDataKeys

    async def terms_of(self, account_id: str, facts: CallFacts) -> list[bytes]:
        """Return all keyed hashes that find a call by the numbers and agents in ``facts``."""
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        return self.terms_in(await self.index_key(account_id), [facts], regions).all

    def terms_in(
        self,
        index_key: bytes,
        facts: Iterable[CallFacts],
        regions: Sequence[str],
        spelled: Sequence[str] = (),
    ) -> FactTerms:
        """Return the terms of facts, their numbers read by the numbering plans of these countries.

        ``spelled``: other numbers of the call, whose terms a fact of an earlier release may lack.
        """
        numbers, agents = _possible_of(spelled[:MAX_SPELLED]), list[str]()
        for one in facts:
            # A party's place also tells the numbering plan of its number.
            plans = tuple(dict.fromkeys([*regions, *regions_of("", [one.caller_place, one.callee_place])]))
            for written in (one.caller, one.callee):
                numbers |= set() if written is None else read_text(self.numbers, written, plans)
            agents += [] if one.agent is None else [one.agent]
        return FactTerms(
            regions=regions,
            numbers=sorted(search_terms(index_key, numbers)),
            agents=[name_term(index_key, "agent", agent) for agent in agents],
        )

    async def terms_of_number(self, account_id: str, written: str) -> tuple[bytes, ...]:
        """Return the keyed hashes that find a number. Raises Invalid if ``written`` is not a phone number.

        Rows of earlier releases have only the hash of the number as it was written, so other spellings are
        included.
        """
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        return tuple(sorted(self._terms_of_number(await self.index_key(account_id), written, regions)))

    async def terms_of_numbers(self, account_id: str, written: Sequence[str]) -> frozenset[bytes]:
        """Return the keyed hashes that find any of these numbers, and what nothing can read: it may be one of them.

        Reads the account's regions once, however many numbers there are. Raises Invalid for one that is no number, with
        its place in ``numbers``, from 0.
        """
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        index_key = await self.index_key(account_id)
        terms = {unreadable_term(index_key)} if written else set[bytes]()
        for place, number in enumerate(written):
            try:
                terms.update(self._terms_of_number(index_key, number, regions))
            except Invalid as error:
                raise Invalid(str(error), field=f"numbers.{place}") from error
            # Some hundred of them take longer than others should wait.
            await asyncio.sleep(0)
        return frozenset(terms)

    async def index_key(self, account_id: str) -> bytes:
        """Return the key that hashes an account's numbers. Raises NotFound."""
        return await self.data_keys.index_key(account_id)

    def _terms_of_number(self, index_key: bytes, written: str, regions: Sequence[str]) -> set[bytes]:
        number = restrained_number(self.numbers, written, regions)
        numbers = {number, *self.numbers.readings(written, regions)}
        found = set[bytes]().union(*(terms_of_number(index_key, self.numbers, number) for number in numbers))
        return {*found, search_term(index_key, "number", written.strip())}
