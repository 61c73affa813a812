"""Telephone numbers as platforms write them, made E.164 where they say which country they are of.

A caller chooses what stands in his caller id. So nothing that stands there can make a delivery be
refused: what is no number is kept as it was written, cut to a length, without control characters.
"""

import re

import phonenumbers

#: Characters kept of what is no number: room for a SIP address.
MAX_TEXT = 200

#: What people put between digits. Letters, extensions and a leading 00 make it no E.164 number.
INTERNATIONAL = re.compile(r"(?:tel:)?(\+[0-9][0-9 \u00a0()./\-]{1,40})")
#: A country code and a number without the plus before them.
COUNTRY_AND_NUMBER = re.compile(r"[1-9][0-9]{7,14}")


def normalize(written: str) -> str:
    """Return E.164 (``+`` and digits) for an international number, and anything else as written.

    A national number without its country is kept as written: guessing would make it another's.
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
    """Return free text of a platform in one line: printable, at most MAX_TEXT characters, trimmed."""
    kept = "".join(c if c.isprintable() else " " for c in written[: 4 * MAX_TEXT])
    return kept.strip()[:MAX_TEXT]


def from_digits(written: str) -> str:
    """Return E.164 for digits that begin with a country code and have no plus, as Vonage and Plivo write them.

    E.164, section 6, allows 15 digits, and no country code begins with a zero. Anything else is read
    as ``normalize`` reads it.
    """
    text = clean(written)
    return normalize(f"+{text}" if COUNTRY_AND_NUMBER.fullmatch(text) else text)
