"""Providers' telephone numbers: normalized to E.164 where they have a country code, and all that a spelling can mean.

A caller controls the caller ID. So no caller ID can cause a webhook to be refused: text that is not a number is
kept, without control characters and shortened.

Spellings are ``sip:``, ``tel:``, ``00``, bare digits, national, with an extension. ``readings`` returns all numbers,
because an objection must match however its number is written. ``best_reading`` returns the most likely one, or None.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

from vault.domain.calls.number_reader import MAX_TEXT, shorten

#: A plus and digits with separators. Letters, extensions and a leading 00 do not match.
INTERNATIONAL = re.compile(r"(?:tel:)?(\+[0-9][0-9 \u00a0()./\-]{1,40})")
#: A country code and a number without the plus.
COUNTRY_AND_NUMBER = re.compile(r"[1-9][0-9]{7,14}")
_SCHEME = re.compile(r"(?:sips?|tel|callto):", re.IGNORECASE)
#: Any other prefix, such as Twilio's ``whatsapp:`` and ``client:``, counts in front of a plus alone.
_PREFIX = re.compile(r"[a-z][a-z0-9.-]{0,20}:(?=[+\uff0b])", re.IGNORECASE)
#: What ends the user part of an address, and the number in it.
_USER_END = re.compile("[@?]")
_NUMBER_END = re.compile("[@;?]")
#: An extension, or an ISDN subaddress, as RFC 3966 writes them (section 3).
_EXTENDED = re.compile(r";(?:ext|isub)=", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9]{1,15})", re.IGNORECASE)
#: A number begins with a plus, a bracket or a digit of any script; ``client:alice2025550100`` is not a number.
_NUMBER = re.compile(r"[+\uff0b(\[]|\d")
#: Bare digits of at least this length are hardly ever a national number.
_UNAMBIGUOUS = 11
#: Separators between digits.
_BETWEEN = re.compile(r"[\s\u00a0\u2010-\u2015()\[\]./~*-]+")


def normalize(written: str) -> str:
    """Convert an international number to E.164 (``+`` and digits); clean any other text.

    A national number without its country code is not converted: a guess could make it another person's number.
    """
    text = clean(written)
    match = INTERNATIONAL.fullmatch(text)
    if match is None:
        return text
    try:
        number = phonenumbers.parse(match[1], None)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def clean(written: str) -> str:
    """Clean a platform's free text: one line, printable, trimmed, at most MAX_TEXT characters.

    What is left out of a longer one is told, so that a number in it does not go unnoticed.
    """
    printable = "".join(c if c.isprintable() else " " for c in shorten(written, 4 * MAX_TEXT))
    return shorten(printable.strip())


def one_line(written: str, most: int) -> str:
    """Clean a platform's text that no number is read from, as ``clean`` does; what is longer is cut off."""
    return "".join(c if c.isprintable() else " " for c in written[: 4 * most]).strip()[:most].rstrip()


def from_digits(written: str) -> str:
    """Convert digits that begin with a country code, without a plus, to E.164. Vonage and Plivo send these.

    E.164, section 6, allows 15 digits, and no country code begins with a zero. Other text goes to ``normalize``.
    """
    text = clean(written)
    return normalize(f"+{text}" if COUNTRY_AND_NUMBER.fullmatch(text) else text)


def readings(written: str, regions: Sequence[str] = ()) -> frozenset[str]:
    """Return every E.164 number that a spelling can mean; national spellings are parsed in each region."""
    text = subscriber(written)
    return frozenset(_e164(parsed) for parsed in _parsed(text, regions))


def best_reading(written: str, regions: Sequence[str] = ()) -> str | None:
    """Return the most likely E.164 number of a spelling; None if it cannot be parsed.

    A spelling with a country code has one reading. Otherwise a number that is valid in its numbering plan is
    preferred to one whose length is only possible.
    """
    text = subscriber(written)
    if text.rfind("+") > 0:
        # Two numbers in one text: ambiguous.
        return None
    found = list(_parsed(text, regions))
    for number in found:
        if phonenumbers.is_valid_number(number) and not _is_doubtful(text, number, regions):
            return _e164(number)
    return next((_e164(number) for number in found if not _is_doubtful(text, number, regions)), None)


def _is_doubtful(text: str, number: PhoneNumber, regions: Sequence[str]) -> bool:
    """Tell whether bare digits, parsed as international, are more likely a national number of another country.

    2025550100 is a number of Washington without its country code, and by its length also one of Egypt with it.
    """
    digits = _BETWEEN.sub("", text).partition("x")[0]
    if _e164(number) != f"+{digits}":
        return False
    at_home = [parsed for region in regions if (parsed := _parse(text, region)) is not None]
    if number in at_home:
        return False
    return len(digits) < _UNAMBIGUOUS or not phonenumbers.is_valid_number(number)


def is_unlikely(text: str, number: str, regions: Sequence[str]) -> bool:
    """Tell whether bare digits hardly ever mean this E.164 number, which is not one of these countries."""
    digits = _BETWEEN.sub("", text)
    if number != f"+{digits}":
        return False
    parsed = phonenumbers.parse(number, None)
    if phonenumbers.region_code_for_number(parsed) in regions:
        return False
    return len(digits) < _UNAMBIGUOUS or not phonenumbers.is_valid_number(parsed)


def has_extension(written: str) -> bool:
    """Return whether a spelling names one of several lines behind a number: ``;ext=12``, ``x12``, ``,12``."""
    address = _address(written)
    if _EXTENDED.search(address):
        return True
    try:
        # The extension is taken off before the country matters.
        return bool(phonenumbers.parse(_user(address, _USER_END), "US").extension)
    except phonenumbers.NumberParseException:
        return False


def subscriber(written: str) -> str:
    """Extract the number from an address: the user part of a SIP URI, without parameters."""
    address = _address(written)
    context, text = _CONTEXT.search(address), _user(address, _NUMBER_END)
    return f"{context[1]}{text}" if context is not None and not text.startswith("+") else text


def _address(written: str) -> str:
    """Return an address in clear, without a name in front of it."""
    text = clean(written)
    for _ in range(2):
        # Some platforms percent-encode an address twice.
        text = unquote(text)
    if (opens := text.find("<")) >= 0:
        text = text[opens + 1 :].partition(">")[0]
    return text


def _user(text: str, end: re.Pattern[str]) -> str:
    """Return the user part of an address, up to the first match of ``end``."""
    scheme = _SCHEME.match(text.lstrip()) or _PREFIX.match(text.lstrip())
    if scheme is not None:
        text = text.lstrip()[scheme.end() :].removeprefix("//")
    text = end.split(text, maxsplit=1)[0]
    # A SIP URI may contain a password after its user.
    return text.partition(":")[0].strip() if scheme is not None else text.strip()


def _parsed(text: str, regions: Sequence[str]) -> Iterator[PhoneNumber]:
    """Yield each number of a possible length that the text can mean, the most explicit reading first."""
    if _NUMBER.match(text) is None:
        return
    digits = _BETWEEN.sub("", text)
    seen: set[str] = set()
    if text[0] in "+\uff0b":
        spelled: list[tuple[str, str | None]] = [(text, None)]
        # No country code begins with a zero: 00 after a plus is the international prefix once more.
        spelled += [(f"+{digits[3:]}", None)] if digits.startswith("00", 1) else []
    else:
        spelled = [(f"+{digits[2:]}", None)] if digits.startswith("00") else []
        spelled += [(text, region) for region in regions]
        # 011 is the international prefix of North America; used when the regions do not cover it.
        spelled += [(f"+{digits[3:]}", None)] if digits.startswith("011") else []
        bare = digits.partition("x")[0]
        spelled += [(f"+{bare}", None)] if COUNTRY_AND_NUMBER.fullmatch(bare) else []
    for spelling, region in spelled:
        parsed = _parse(spelling, region)
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
    # If parsing the E.164 form changes the number, its digits fit no numbering plan.
    number = _e164(parsed)
    return parsed if _e164(phonenumbers.parse(number, None)) == number else None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
