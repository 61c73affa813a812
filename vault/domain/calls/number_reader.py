"""Read every telephone number that a text can mean, for whatever restrains: objections, holds, requests, search.

What platforms report as a caller is a number among names, brackets, prefixes and extensions, or a national number whose
country nobody says. A restraint that misses it fails open, and one that also covers somebody else's number does little
harm. So this reader is wide: it knows no numbering plan and no locale, and a number counts as read if one of its keys
is the same. What gives access to a person's data does not use it alone: what it finds is possible, not certain.

A key is ``+`` and the digits of a number with its country, or the digits of a national number without zeros in front.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

#: Digits of a number with or without its country. E.164, section 6, allows 15.
_SHORTEST: Final = 7
_LONGEST: Final = 15
#: Digits of the shortest national numbers, which are read where nothing else is a part of the number.
_SHORTEST_NATIONAL: Final = 5
#: Digits from which the rest of a run, without a prefix or an extension, is a number of its own: a shorter rest is the
#: national number of somebody in a small country.
_LONG: Final = 10
#: Digits of a part of several groups, which is less likely to be a number than all of them.
_SHORTEST_PART: Final = 8
#: Characters of a text, and keys of it. What has more is unreadable.
MAX_TEXT: Final = 200
_MAX_KEYS: Final = 96
#: Where the middle of a longer text was left out, so that digits of a number may be missing.
_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"
#: Letters between the digits of an identifier are more than these.
_MAX_LETTERS: Final = 3
#: Some platforms percent-encode an address twice.
_MAX_ENCODED: Final = 3
_PLUSES: Final = frozenset("+\N{HEAVY PLUS SIGN}\N{CIRCLED PLUS}\N{HEBREW LETTER ALTERNATIVE PLUS SIGN}")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_GROUPS: Final = re.compile(r"[0-9]+")
#: After a plus: an international prefix once more.
_PREFIX: Final = re.compile(r"0+|011")
#: A country code: its first digits say how long it is.
_COUNTRY: Final = re.compile(r"[17]|(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[035789]|9[679])[0-9]|[0-9]{2}")

#: Mobile numbers of Mexico (until 2020) and of Argentina can have one digit more behind the country.
_LONG_FORM: Final = re.compile(r"(52)1([0-9]{10})|(54)9([0-9]{10})")
_REGION = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class NumberKeys:
    """What a text can mean."""

    keys: frozenset[str] = frozenset()
    #: It has enough digits for a number, and nothing can tell of which.
    is_unreadable: bool = False


@lru_cache(maxsize=4096)
def read_numbers(written: str) -> NumberKeys:
    """Return the keys of every number that a text can mean. Work and keys are bounded, whatever is written."""
    if is_plain(written):
        return NumberKeys(frozenset(_with_country(written[1:])))
    text = _plain(written[:MAX_TEXT])
    keys = set[str]()
    for key in _keys(text):
        keys.add(key)
        if len(keys) > _MAX_KEYS:
            return NumberKeys(frozenset(), is_unreadable=True)
    # Earlier releases cut a text without a sign.
    is_cut = _CUT in written or len(written) >= MAX_TEXT
    return NumberKeys(frozenset(keys), is_unreadable=is_cut or (not keys and _looks_like_a_number(text)))


def keys_of(number: str, spellings: Iterable[str]) -> frozenset[str]:
    """Return the keys by which an E.164 number is found, given its national spellings."""
    full = number.removeprefix("+")
    national = {"".join(_GROUPS.findall(spelled)) for spelled in spellings} - {full, f"00{full}"}
    return frozenset({number, *_with_country(full), *(digits.lstrip("0") for digits in national)})


def shorten(text: str, most: int = MAX_TEXT) -> str:
    """Return a text of at most ``most`` characters: of a longer one its two ends, which count as unreadable."""
    if len(text) <= most:
        return text
    begin = most // 2
    return f"{text[:begin]}{_CUT}{text[begin + 1 - most :]}"


def is_plain(written: str) -> bool:
    """Return whether a text is one number in E.164 and nothing else, as most that are reported."""
    return _E164.fullmatch(written) is not None


def _plain(written: str) -> str:
    """Return a text with the ten digits and one plus of ASCII, and without what nobody sees."""
    text = written
    for _ in range(_MAX_ENCODED):
        if "%" not in text:
            break
        text = unquote(text)
    return "".join(_character(one) for one in unicodedata.normalize("NFKC", text))


def _character(one: str) -> str:
    if one.isascii():
        return one
    if one in _PLUSES:
        return "+"
    # Digits of any script, in circles, and 0 to 9 of scripts that have words for them.
    value = unicodedata.numeric(one, None)
    if value is not None and value in range(10):
        return str(int(value))
    # Invisible characters, and marks on others.
    return "" if unicodedata.category(one) in {"Cf", "Mn", "Me"} else one


def _keys(text: str) -> Iterator[str]:
    for stretch in _LETTERS.split(text):
        bare, *explicit = stretch.split("+")
        yield from _bare(_GROUPS.findall(bare))
        for part in explicit:
            yield from _explicit(_GROUPS.findall(part))
    if "e164.arpa" in text.lower():
        # ENUM, RFC 6116: the digits backwards.
        yield f"+{''.join(_GROUPS.findall(text.lower().partition('e164.arpa')[0]))[::-1]}"


def _explicit(groups: Sequence[str]) -> Iterator[str]:
    """Yield the keys of what comes after a plus: a number with its country, its extension, and perhaps more numbers."""
    digits = ""
    for group in groups:
        digits += group
        if len(digits) > 2 * _LONGEST:
            break
        yield from _with_country(_PREFIX.sub("", digits, count=1) if digits[0] == "0" else digits)
    if groups and len(groups[0]) > _LONGEST:
        yield from (f"+{groups[0][:length]}" for length in range(_LONG, _LONGEST + 1))
    if sum(map(len, groups)) > _LONGEST:
        # More than one number: each further one may be without a plus.
        yield from _bare(groups[1:])


def _bare(groups: Sequence[str]) -> Iterator[str]:
    """Yield the keys of digits without a plus: national, or with a country, perhaps behind a prefix."""
    # What is too long for one number may begin in any of its groups.
    starts = range(len(groups)) if sum(map(len, groups)) > _LONGEST else range(min(1, len(groups)))
    for start in starts:
        digits = ""
        for end, group in enumerate(groups[start:], start=start + 1):
            digits += group
            if len(digits) > 2 * _LONGEST:
                break
            is_whole = end == len(groups)
            if start == 0 and is_whole and _SHORTEST_NATIONAL <= len(digits.lstrip("0")) < _SHORTEST:
                yield digits.lstrip("0")
            if len(digits.lstrip("0")) >= (_SHORTEST if is_whole or end == start + 1 else _SHORTEST_PART):
                yield from _of_digits(digits)
            if is_whole:
                # Behind what a switchboard dials first: 9, 9 011, *67, or the code of a carrier.
                for length in range(_LONG, min(_LONGEST, len(digits) - 1) + 1):
                    yield from _of_digits(digits[-length:])
        if len(groups[start]) > _LONGEST:
            for length in range(_LONG, _LONGEST + 1):
                yield from _of_digits(groups[start][:length])


def _of_digits(digits: str) -> Iterator[str]:
    short = digits.lstrip("0")
    if _SHORTEST <= len(short) <= _LONGEST:
        yield short
    # One zero in front is that of a national number.
    if len(digits) - len(short) != 1:
        yield from _with_country(short)
    if digits.startswith("011"):
        yield from _with_country(digits[3:])


def _with_country(digits: str) -> Iterator[str]:
    if _SHORTEST <= len(digits) <= _LONGEST and digits[0] != "0":
        yield f"+{digits}"
    if long_form := _LONG_FORM.fullmatch(digits):
        yield f"+{''.join(filter(None, long_form.groups()))}"
    country = _COUNTRY.match(digits)
    if country is not None:
        # The zero of a national number behind the country: +33 (0)6. Some national numbers begin with one themselves.
        rest = digits[country.end() :]
        for zeros in range(1, len(rest) - len(rest.lstrip("0")) + 1):
            if _SHORTEST <= len(digits) - zeros <= _LONGEST:
                yield f"+{country[0]}{rest[zeros:]}"


def _looks_like_a_number(text: str) -> bool:
    """Return whether a text without any key has as many digits as a number, with few letters between them."""
    digits = [place for place, one in enumerate(text) if one in "0123456789"]
    if len(digits) < _SHORTEST:
        return False
    letters = sum(one.isalpha() for one in text[digits[0] : digits[-1]])
    return letters <= _MAX_LETTERS


def regions_of(locale: str, places: Iterable[str | None]) -> tuple[str, ...]:
    """Return the countries whose numbering plans an account's national numbers may use.

    They are the distinct ones in places such as ``US-CA`` and in a locale such as ``fr-CA``.
    """
    named = [place.partition("-")[0] for place in places if place is not None]
    # The region subtag has two letters; it follows the language and an optional script.
    named += [part.upper() for part in locale.split("-")[1:] if len(part) == 2]  # noqa: PLR2004 - see above
    return tuple(dict.fromkeys(region for region in named if _REGION.fullmatch(region)))
