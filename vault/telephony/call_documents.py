"""What call documents share: text to speech for notices, XML, and the key that a caller pressed.

A notice must be spoken completely, or the evidence that it was announced is wrong. So text is never cut off: a long
text becomes several pieces in order, each ending at a sentence end or at least a word end.
"""

import re
from collections.abc import Collection, Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from vault.domain.calls.call_document import Document
from vault.errors import Invalid

#: Maximum bytes of a piece, in UTF-8. Vonage takes 1,500 characters, Telnyx and Polly voices 3,000, SignalWire 4,096.
#: Twilio takes 4,500 characters after URL encoding, where one byte becomes three characters (error 13521).
MAX_CHARACTERS = 1500

#: Characters that XML 1.0 cannot contain (the complement of its production Char), unpaired surrogates included.
INVALID_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SENTENCE = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u061f\u0964][\"'\u201d\u00bb)]?\s|[\u3002\uff01\uff1f\u0964]"
)
SPACE = re.compile(r"\s")

#: A tag of RFC 5646: language, script, region, and any further subtags.
TAG = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}|[0-9]{3}))?(?:-[0-9A-Za-z]{1,8})*")
#: The default region of each language, as in the platforms' own lists of voices.
DEFAULT_TAGS = {
    "af": "af-ZA",
    "bg": "bg-BG",
    "bn": "bn-IN",
    "ca": "ca-ES",
    "cmn": "cmn-CN",
    "cs": "cs-CZ",
    "cy": "cy-GB",
    "da": "da-DK",
    "de": "de-DE",
    "el": "el-GR",
    "en": "en-US",
    "es": "es-ES",
    "et": "et-EE",
    "eu": "eu-ES",
    "fi": "fi-FI",
    "fil": "fil-PH",
    "fr": "fr-FR",
    "ga": "ga-IE",
    "gl": "gl-ES",
    "gu": "gu-IN",
    "he": "he-IL",
    "hi": "hi-IN",
    "hr": "hr-HR",
    "hu": "hu-HU",
    "id": "id-ID",
    "is": "is-IS",
    "it": "it-IT",
    "ja": "ja-JP",
    "kn": "kn-IN",
    "ko": "ko-KR",
    "lt": "lt-LT",
    "lv": "lv-LV",
    "ml": "ml-IN",
    "mr": "mr-IN",
    "ms": "ms-MY",
    "nb": "nb-NO",
    "nl": "nl-NL",
    "no": "nb-NO",
    "pa": "pa-IN",
    "pl": "pl-PL",
    "pt": "pt-PT",
    "ro": "ro-RO",
    "ru": "ru-RU",
    "sk": "sk-SK",
    "sl": "sl-SI",
    "sr": "sr-RS",
    "sv": "sv-SE",
    "ta": "ta-IN",
    "te": "te-IN",
    "th": "th-TH",
    "tr": "tr-TR",
    "uk": "uk-UA",
    "vi": "vi-VN",
    "yue": "yue-CN",
    "zh": "zh-CN",
}
#: Macrolanguage codes and the individual language that some platforms list instead (ISO 639-3).
INDIVIDUAL_LANGUAGES = {"ar": "arb", "zh": "cmn"}
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
#: All platforms accept text/xml too, but old parsers read that as US-ASCII regardless of the declaration (RFC 3023).
MEDIA_TYPE = "application/xml"
PRESSED_KEY = re.compile(r"[0-9*#]")


def remove_invalid_characters(text: str) -> str:
    """Remove the characters that XML or UTF-8 cannot contain."""
    return INVALID_CHARACTERS.sub("", text)


def split_text(text: str) -> list[str]:
    """Split a text into pieces of 1 to MAX_CHARACTERS bytes, in order; an empty list if no text is left."""
    rest, parts = remove_invalid_characters(text).strip(), []
    while len(encoded := rest.encode("utf-8")) > MAX_CHARACTERS:
        # A character split at the limit goes into the next piece.
        end = _end(encoded[:MAX_CHARACTERS].decode("utf-8", "ignore"))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def language_of(tag: str, offered: Collection[str] | None = None) -> str | None:
    """Choose the voice's language: a tag with a region, from ``offered`` where the platform has a list.

    A tag that is not offered is replaced by the default of its language. None if that is not offered
    either: the platform's default voice then reads the text, and the notice should have its own audio.
    """
    match = TAG.fullmatch(tag)
    if match is None:
        return None
    base, region = match[1].lower(), match[2]
    usual = DEFAULT_TAGS.get(base, base)
    wanted = usual if region is None else f"{base}-{region.upper()}"
    if offered is None:
        return wanted
    # Some lists have a language without a region, such as Arabic.
    candidates, spoken = [wanted, usual, base], INDIVIDUAL_LANGUAGES.get(base)
    if spoken is not None:
        candidates += [f"{spoken}-{region.upper()}"] if region else []
        candidates += [DEFAULT_TAGS.get(spoken, spoken), spoken]
    return next((candidate for candidate in candidates if candidate in offered), None)


def _end(head: str) -> int:
    """Return the end index of a piece: after its last sentence, else after its last word, else its full length."""
    sentences, spaces = list(SENTENCE.finditer(head)), list(SPACE.finditer(head))
    last = sentences or spaces
    return last[-1].end() if last else len(head)


def add_element(
    parent: Element, name: str, attributes: Mapping[str, str], text: str | None = None
) -> Element:
    """Append an element and return it. Characters that XML cannot contain are dropped; the rest is escaped."""
    element = SubElement(
        parent, name, {key: remove_invalid_characters(value) for key, value in attributes.items()}
    )
    if text is not None:
        element.text = remove_invalid_characters(text)
    return element


def write_document(response: Element) -> Document:
    """Serialize the document in UTF-8."""
    body = DECLARATION + tostring(response, encoding="unicode")
    return Document(media_type=MEDIA_TYPE, body=body.encode("utf-8"))


def parse_key(digits: str | None, *, field: str) -> str | None:
    """Return the pressed key; None if none was pressed in time, or the document did not ask for one.

    Raises Invalid, naming the field, for several keys (documents ask for one) and for other characters.
    """
    if not digits:
        return None
    if PRESSED_KEY.fullmatch(digits) is None:
        raise Invalid(f"{field} must be one key: 0 to 9, * or #.", field=field)
    return digits
