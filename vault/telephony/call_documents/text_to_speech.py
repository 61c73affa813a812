"""What a notice becomes when a machine speaks it: pieces that a platform takes at once, and a voice's language.

A notice is spoken whole or the evidence that it was announced is wrong. So nothing is cut off: a long text
becomes several pieces, one after the other, that end where a sentence or at least a word does.
"""

import re
from collections.abc import Collection

#: Bytes of a piece, in UTF-8. Vonage takes 1,500 characters, Telnyx and Polly voices 3,000, SignalWire 4,096.
#: Twilio allows 4,500 characters after URL encoding, which makes three of a byte (error 13521).
MAX_CHARACTERS = 1500

#: Every character that XML 1.0 can carry (its production Char); halves of surrogate pairs are none.
NOT_CARRIED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SENTENCE = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u061f\u0964][\"'\u201d\u00bb)]?\s|[\u3002\uff01\uff1f\u0964]"
)
SPACE = re.compile(r"\s")

#: A tag of RFC 5646: language, script, region, and whatever comes behind.
TAG = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}|[0-9]{3}))?(?:-[0-9A-Za-z]{1,8})*")
#: The voice that a language has without a region, as the platforms' own lists name it.
USUAL = {
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
#: What some lists call a language by: the one that is spoken, where the tag is of a family (ISO 639-3).
SPOKEN = {"ar": "arb", "zh": "cmn"}


def carried(text: str) -> str:
    """Return ``text`` without the characters that neither XML nor UTF-8 can carry."""
    return NOT_CARRIED.sub("", text)


def pieces(text: str) -> list[str]:
    """Return what is to be said, in order, each of 1 to AT_ONCE bytes; empty where nothing can be said."""
    rest, parts = carried(text).strip(), []
    while len(encoded := rest.encode("utf-8")) > MAX_CHARACTERS:
        # A character that was cut in two goes into the next piece.
        end = _end(encoded[:MAX_CHARACTERS].decode("utf-8", "ignore"))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def language_of(tag: str, offered: Collection[str] | None = None) -> str | None:
    """Return the language to ask for: a tag with a region, of those ``offered`` where the platform has a list.

    A tag that is not offered becomes the usual one of its language. None where that is not offered
    either: then the platform's own default reads the text, and a notice should have its own audio.
    """
    match = TAG.fullmatch(tag)
    if match is None:
        return None
    base, region = match[1].lower(), match[2]
    usual = USUAL.get(base, base)
    wanted = usual if region is None else f"{base}-{region.upper()}"
    if offered is None:
        return wanted
    # Some lists have a language without a region, as Arabic.
    sought, spoken = [wanted, usual, base], SPOKEN.get(base)
    if spoken is not None:
        sought += [f"{spoken}-{region.upper()}"] if region else []
        sought += [USUAL.get(spoken, spoken), spoken]
    return next((each for each in sought if each in offered), None)


def _end(head: str) -> int:
    """Return where to end a piece: behind its last sentence, else behind its last word, else where it is full."""
    sentences, spaces = list(SENTENCE.finditer(head)), list(SPACE.finditer(head))
    last = sentences or spaces
    return last[-1].end() if last else len(head)
