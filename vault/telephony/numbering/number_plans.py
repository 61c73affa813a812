"""The likely region of a telephone number, by its prefix; in the United States also the state.

Only a hint, because mobile, ported and internet numbers move. A region that the prefix does not determine is
None, for which the consent rules apply the strictest case; a guess could select a weaker rule.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from vault.domain.crm.handover import NumberForms
from vault.errors import Invalid
from vault.telephony.parsing.phone_number import best_reading, has_extension, is_unlikely, normalize, readings

_AREA_CODES = Path(__file__).with_name("area_codes.toml")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
#: Country code 1 and the area code, which never starts with 0 or 1 (ATIS-0300055, section 14).
_NORTH_AMERICAN = re.compile(r"\+1([2-9][0-9]{2})")
_REGION = re.compile(r"[A-Z]{2}")
#: Toll-free, personal and premium numbers of country code 1 have no region: all its countries share them.
_GEOGRAPHIC = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
)


@cache
def area_codes() -> Mapping[str, str]:
    """Map each geographic area code of the United States to its state, such as ``206`` to ``US-WA``."""
    states = tomllib.loads(_AREA_CODES.read_text("utf-8"))["states"]
    return MappingProxyType({str(code): f"US-{state}" for state, codes in states.items() for code in codes})


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPlans:
    """Parses numbers with libphonenumber's numbering plans and the area codes of ``area_codes.toml``."""

    area_codes: Mapping[str, str] = field(default_factory=area_codes)

    def e164(self, written: str, regions: Sequence[str] = ()) -> str:
        """Return the number as ``+`` and digits. Raises Invalid if it cannot be parsed or its length is impossible."""
        # Errors must not contain the number: they may be logged.
        if written[:1].isspace() and written.strip()[:1].isdigit():
            text = "number begins with a blank where a + may have been: in a URL, encode + as %2B."
            raise Invalid(text, field="number")
        found = best_reading(written, regions)
        if found is None:
            text = "number cannot be read as a telephone number: write it with its country, such as +12025550100."
            raise Invalid(text, field="number")
        return found

    def readings(self, written: str, regions: Sequence[str] = ()) -> frozenset[str]:
        """Return every E.164 number that a spelling can mean; national spellings are parsed in each region."""
        return _readings(written, tuple(regions))

    def has_extension(self, written: str) -> bool:
        """Return whether a spelling has an extension, such as ``;ext=12`` or ``x12``."""
        return has_extension(written)

    def spellings(self, number: str) -> tuple[str, ...]:
        """Return an E.164 number's spellings without a plus: bare digits, with 00, and its national formats."""
        international = (number[1:], f"00{number[1:]}")
        try:
            parsed = phonenumbers.parse(number, None)
        except phonenumbers.NumberParseException:
            return international
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        digits = "".join(character for character in national if character.isdigit())
        significant = phonenumbers.national_significant_number(parsed)
        return tuple(dict.fromkeys((*international, national, digits, significant)))

    def forms(self, number: str) -> NumberForms | None:
        """Return the forms in which other systems store an E.164 number; None where no numbering plan has it."""
        text, parsed = _read(number)
        if parsed is None or text != number:
            return None
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        return NumberForms(
            e164=number,
            digits=number[1:],
            significant=phonenumbers.national_significant_number(parsed),
            national="".join(character for character in national if character.isdigit()),
            spaced_national=national,
            spaced_international=phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL),
        )

    def confusable(self, number: str, regions: Sequence[str] = ()) -> frozenset[str]:
        """Return the other numbers that a spelling of an E.164 number can mean, in any country's numbering plan."""
        return _confusable(number, tuple(regions)) - {number}

    def place(self, number: str | None) -> str | None:
        """Return a region such as ``FR`` or ``US-WA``; ``US`` for an area code without a state; None if unknown."""
        text, parsed = _read(number or "")
        if parsed is None:
            return None
        american = _NORTH_AMERICAN.match(text)
        if american is not None and american[1] in self.area_codes:
            return self.area_codes[american[1]]
        region = phonenumbers.region_code_for_number(parsed)
        # libphonenumber's region 001 is for numbers of no country, such as satellite phones.
        if region is None or not _REGION.fullmatch(region):
            return None
        if region == "US" and phonenumbers.number_type(parsed) not in _GEOGRAPHIC:
            return None
        return region


@cache
def _every_region() -> tuple[str, ...]:
    return tuple(sorted(phonenumbers.SUPPORTED_REGIONS))


@lru_cache(maxsize=512)
def _confusable(number: str, regions: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    # Of spellings with the same digits one is read: what stands between the digits means nothing.
    for spelled in {
        "".join(filter(str.isdigit, one)) for one in NumberPlans(area_codes={}).spellings(number)
    }:
        # With 00 it names its country, but for a country whose own prefix begins so.
        others = readings(spelled, regions if spelled.startswith("00") else _every_region())
        found |= {other for other in others if not is_unlikely(spelled, other, regions)}
    return frozenset(found)


_readings = lru_cache(maxsize=1024)(readings)


@lru_cache(maxsize=4096)
def _read(written: str) -> tuple[str, PhoneNumber | None]:
    """Return a number in E.164 and its parsed form; if it cannot be parsed, the input and None.

    Parsing is the slowest step of an admission decision. So text that is E.164 already, as adapters deliver it, is
    parsed once, and the cache serves a number that is read again shortly after.
    """
    for text in (written, normalize(written)):
        parsed = _parsed(text)
        # If formatting changes the number, its digits fit no numbering plan.
        if parsed is not None and phonenumbers.format_number(parsed, PhoneNumberFormat.E164) == text:
            return text, parsed
    return written, None


def _parsed(text: str) -> PhoneNumber | None:
    """Parse E.164 text; None if it is not E.164 or its length is impossible."""
    if not _E164.fullmatch(text):
        return None
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    return parsed if possible else None
