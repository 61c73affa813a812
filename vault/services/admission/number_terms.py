"""The keyed hashes that find calls by numbers: of texts that calls were reported with, and of numbers.

There are two kinds. A number that a text certainly names is hashed in E.164. The keys of every number that it can mean
(``vault/domain/calls/number_reader.py``) are hashed apart, so that what is possible can be told from what is certain.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from vault.domain.calls.number_reader import is_plain, keys_of, read_numbers
from vault.errors import Invalid
from vault.ports.numbers import Numbers
from vault.services.shared.encrypted_fields import search_term

_CERTAIN: Final = "number"
_POSSIBLE: Final = "number key"
#: The key of every text that nothing can read.
_UNREADABLE: Final = "unreadable"


def terms_of_text(index_key: bytes, numbers: Numbers, written: str, plans: Sequence[str]) -> set[bytes]:
    """Return the terms of a text that a call was reported with, read by the numbering plans of these countries."""
    certain = {written, *numbers.readings(written, plans)}
    return {search_term(index_key, _CERTAIN, one) for one in certain} | _possible(index_key, written, certain)


def possible_terms(index_key: bytes, texts: Iterable[str]) -> set[bytes]:
    """Return the terms of all numbers that texts can mean, without a numbering plan."""
    return set[bytes]().union(*(_possible(index_key, written, {written}) for written in texts))


def _possible(index_key: bytes, written: str, certain: set[str]) -> set[bytes]:
    found = read_numbers(written)
    # A number with its country is found by its certain term.
    keys = {key for key in found.keys if not (key.startswith("+") and key in certain)}
    if found.is_unreadable:
        keys.add(_UNREADABLE)
    return {search_term(index_key, _POSSIBLE, key) for key in keys}


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
    return {search_term(index_key, _CERTAIN, one) for one in certain} | {
        search_term(index_key, _POSSIBLE, key) for key in keys
    }


def term_of_e164(index_key: bytes, number: str) -> bytes:
    """Return the term of texts that certainly name a number in E.164, and of its objections."""
    return search_term(index_key, _CERTAIN, number)


def unreadable_term(index_key: bytes) -> bytes:
    """Return the term of every text with the digits of a number that nothing can read."""
    return search_term(index_key, _POSSIBLE, _UNREADABLE)
