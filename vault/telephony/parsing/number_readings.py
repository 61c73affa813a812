"""Which E.164 numbers a spelling can mean: ``sip:``, ``tel:``, ``00``, bare digits, national, with an extension.

Two questions are asked of this. Whom may this be? has every possible answer, because an objection must count
however its number is written. Which number is meant? has one answer, or none.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

from vault.telephony.parsing.phone_number import COUNTRY_AND_NUMBER, clean

_SCHEME = re.compile(r"(?:sips?|tel|callto):", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9]{1,15})", re.IGNORECASE)
#: A number begins with a plus, a bracket or a digit of any script; a name such as ``client:alice2025550100`` is none.
_NUMBER = re.compile(r"[+\uff0b(\[]|\d")
#: Digits from which on bare digits are hardly ever a national number.
_UNAMBIGUOUS = 11
#: What people put between digits.
_BETWEEN = re.compile(r"[\s\u00a0\u2010-\u2015()\[\]./~*-]+")


def readings(written: str, regions: Sequence[str] = ()) -> frozenset[str]:
    """Return every E.164 number that a spelling can mean; national spellings are read in each region."""
    text = subscriber(written)
    return frozenset(_e164(one) for one in _parsed(text, regions))


def best_reading(written: str, regions: Sequence[str] = ()) -> str | None:
    """Return the one E.164 number that a spelling means; None where it can be read as none.

    A spelling with its country has one reading. Of the others a number that is in use in its plan comes
    before one that is only of a possible length.
    """
    text = subscriber(written)
    if text.rfind("+") > 0:
        # Two numbers in one text, of which neither is meant more than the other.
        return None
    found = list(_parsed(text, regions))
    for one in found:
        if phonenumbers.is_valid_number(one) and not _is_doubtful(text, one, regions):
            return _e164(one)
    return next((_e164(one) for one in found if not _is_doubtful(text, one, regions)), None)


def _is_doubtful(text: str, number: PhoneNumber, regions: Sequence[str]) -> bool:
    """Say whether bare digits read as an international number are more likely another country's national one.

    2025550100 is a number of Washington without its country, and by its length also one of Egypt with it.
    """
    digits = _BETWEEN.sub("", text)
    if _e164(number) != f"+{digits}":
        return False
    at_home = [parsed for region in regions if (parsed := _parse(text, region)) is not None]
    if number in at_home:
        return False
    return len(digits) < _UNAMBIGUOUS or not phonenumbers.is_valid_number(number)


def subscriber(written: str) -> str:
    """Return the number inside an address: the user part of a SIP URI, without its parameters."""
    text = clean(written)
    for _ in range(2):
        # Some platforms encode an address that is encoded already.
        text = unquote(text)
    if (opens := text.find("<")) >= 0:
        text = text[opens + 1 :].partition(">")[0]
    context = _CONTEXT.search(text)
    scheme = _SCHEME.match(text.lstrip())
    if scheme is not None:
        text = text.lstrip()[scheme.end() :].removeprefix("//")
    text = re.split(r"[@;?]", text, maxsplit=1)[0]
    # A SIP address may carry a password behind its user.
    text = text.partition(":")[0].strip() if scheme is not None else text.strip()
    return f"{context[1]}{text}" if context is not None and not text.startswith("+") else text


def _parsed(text: str, regions: Sequence[str]) -> Iterator[PhoneNumber]:
    """Yield each number of a possible length that the text can be read as, the most explicit reading first."""
    if _NUMBER.match(text) is None:
        return
    digits = _BETWEEN.sub("", text)
    seen: set[str] = set()
    if text[0] in "+\uff0b":
        spelled: list[tuple[str, str | None]] = [(text, None)]
    else:
        spelled = [(f"+{digits[2:]}", None)] if digits.startswith("00") else []
        spelled += [(text, region) for region in regions]
        # The international prefix of North America, written where no region tells.
        spelled += [(f"+{digits[3:]}", None)] if digits.startswith("011") else []
        bare = digits.partition("x")[0]
        spelled += [(f"+{bare}", None)] if COUNTRY_AND_NUMBER.fullmatch(bare) else []
    for one, region in spelled:
        parsed = _parse(one, region)
        if parsed is not None and (number := _e164(parsed)) not in seen:
            seen.add(number)
            yield parsed


def _parse(text: str, region: str | None) -> PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(parsed) != ValidationResult.IS_POSSIBLE:
        return None
    # What reads as another number has digits that no plan has.
    number = _e164(parsed)
    return parsed if _e164(phonenumbers.parse(number, None)) == number else None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
