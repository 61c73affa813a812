"""Normalizes providers' telephone numbers to E.164 where they contain a country code.

A caller controls the caller ID. So no caller ID can cause a webhook to be refused: text that is not a number is
kept, without control characters and shortened.
"""

import re

import phonenumbers

from vault.domain.calls.number_reader import MAX_TEXT, shorten

#: A plus and digits with separators. Letters, extensions and a leading 00 do not match.
INTERNATIONAL = re.compile(r"(?:tel:)?(\+[0-9][0-9 \u00a0()./\-]{1,40})")
#: A country code and a number without the plus.
COUNTRY_AND_NUMBER = re.compile(r"[1-9][0-9]{7,14}")


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


def from_digits(written: str) -> str:
    """Convert digits that begin with a country code, without a plus, to E.164. Vonage and Plivo send these.

    E.164, section 6, allows 15 digits, and no country code begins with a zero. Other text goes to ``normalize``.
    """
    text = clean(written)
    return normalize(f"+{text}" if COUNTRY_AND_NUMBER.fullmatch(text) else text)
