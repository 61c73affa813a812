"""Where a telephone number is likely to be: the region of its prefix, and in the United States the state.

A hint and no more, because mobile, ported and internet numbers travel. What the prefix does not tell
is None, which the rule book treats strictly; a guess would be milder than not knowing.
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

from vault.errors import Invalid
from vault.telephony.parsing.number_readings import best_reading, readings
from vault.telephony.parsing.phone_number import normalize

_AREA_CODES = Path(__file__).with_name("area_codes.toml")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
#: Country code 1 and the area code, which no digit 0 or 1 begins (ATIS-0300055, section 14).
_NORTH_AMERICAN = re.compile(r"\+1([2-9][0-9]{2})")
_REGION = re.compile(r"[A-Z]{2}")
#: Toll-free, personal and premium numbers of country code 1 are of no place: the whole plan shares them.
_GEOGRAPHIC = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
)


@cache
def area_codes() -> Mapping[str, str]:
    """Return the place of every geographic area code of the United States: ``206`` is ``US-WA``."""
    states = tomllib.loads(_AREA_CODES.read_text("utf-8"))["states"]
    return MappingProxyType({str(code): f"US-{state}" for state, codes in states.items() for code in codes})


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPlans:
    """Numbers by libphonenumber's plans of all countries, and the area codes beside this file."""

    area_codes: Mapping[str, str] = field(default_factory=area_codes)

    def e164(self, written: str, regions: Sequence[str] = ()) -> str:
        """Return ``+`` and digits. Raises Invalid for what is no number, or has no possible length."""
        # The number itself is not repeated in an error: it would reach a log.
        if written[:1].isspace() and written.strip()[:1].isdigit():
            text = "number begins with a blank where a + may have been: in a URL, encode + as %2B."
            raise Invalid(text, field="number")
        found = best_reading(written, regions)
        if found is None:
            text = "number cannot be read as a telephone number: write it with its country, such as +12025550100."
            raise Invalid(text, field="number")
        return found

    def readings(self, written: str, regions: Sequence[str] = ()) -> frozenset[str]:
        """Return every E.164 number that a spelling can mean; national spellings are read in each region."""
        return _readings(written, tuple(regions))

    def spellings(self, number: str) -> tuple[str, ...]:
        """Return how an E.164 number may be written without a plus: bare, with 00, and in its own country."""
        national = phonenumbers.format_number(phonenumbers.parse(number, None), PhoneNumberFormat.NATIONAL)
        digits = "".join(character for character in national if character.isdigit())
        significant = phonenumbers.national_significant_number(phonenumbers.parse(number, None))
        return tuple(dict.fromkeys((number[1:], f"00{number[1:]}", national, digits, significant)))

    def place(self, number: str | None) -> str | None:
        """Return ``FR``, ``US-WA``; ``US`` for an area code without a state; None where nothing tells."""
        text, parsed = _read(number or "")
        if parsed is None:
            return None
        american = _NORTH_AMERICAN.match(text)
        if american is not None and american[1] in self.area_codes:
            return self.area_codes[american[1]]
        region = phonenumbers.region_code_for_number(parsed)
        # 001 is the region of numbers that belong to no country, such as those of satellites.
        if region is None or not _REGION.fullmatch(region):
            return None
        if region == "US" and phonenumbers.number_type(parsed) not in _GEOGRAPHIC:
            return None
        return region


_readings = lru_cache(maxsize=1024)(readings)


@lru_cache(maxsize=16)
def _read(written: str) -> tuple[str, PhoneNumber | None]:
    """Return a number in E.164, and parsed; what is none as it was written, and None.

    Parsing takes longer than all else that a decision asks, so what is E.164 already, as adapters give it,
    is parsed once; and a number that is read and placed within a moment is still known.
    """
    for text in (written, normalize(written)):
        parsed = _parsed(text)
        # What reads as another number has digits that no plan has.
        if parsed is not None and phonenumbers.format_number(parsed, PhoneNumberFormat.E164) == text:
            return text, parsed
    return written, None


def _parsed(text: str) -> PhoneNumber | None:
    """Return what E.164 text says, or None where it is none or its length is impossible."""
    if not _E164.fullmatch(text):
        return None
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    return parsed if possible else None
