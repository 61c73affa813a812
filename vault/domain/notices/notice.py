"""Notices: the texts that inform parties of a recording. A published text never changes.

A notice is drafted, checked and published under the next version number of its account, language, audience and
mode, which retires the version before it. Evidence records the version and the digests of its text and audio,
so that the exact words played to a party can be proved years later.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vault.domain.consent.consent_event import KEY_MODES, MODES, Keys, Mode, NoticeVersion, Party
from vault.domain.field_types import Later
from vault.domain.folded_text import folded
from vault.domain.legal_rules.rule import RuleBook
from vault.errors import Invalid, Refused
from vault.sentence import Sentence

#: A language of two or three letters and its subtags (RFC 5646, section 2.1), without the rare forms.
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MAX_LENGTH = 35
#: A region has two letters, a script has four (RFC 5646, section 2.1.1).
_REGION, _SCRIPT = 2, 4
#: How a notice requests consent, from the mildest to the strictest; see ``consent_event.MODES``.
NoticeMode = Literal["tone", "announce", "opt_out_key", "opt_in_key"]
NOTICE_MODES: tuple[NoticeMode, ...] = ("tone", "announce", "opt_out_key", "opt_in_key")
AUDIENCES: tuple[Party, ...] = ("caller", "callee", "agent")
NoticeStatus = Literal["draft", "published", "retired"]
#: The elements whose words must be in a notice, and their meaning.
ELEMENTS = {
    "controller": "who records",
    "purposes": "what the recording is for",
    "refusal": "how to refuse",
    "full_notice": "where the full privacy notice is",
    "retention": "how long the recording is kept",
}
#: Characters of a text.
MAX_TEXT = 4000
#: Placeholders in the default texts.
PLACEHOLDER = re.compile(r"\{(controller|purposes|refusal|full_notice|retention|accept|decline|kept)\}")
#: The language used where no wanted one has a notice.
_FALLBACK_LANGUAGE = "en"
#: Elements whose words may have numbers that are no keys: ``kept for 3 months``.
_WITHOUT_KEYS = ("controller", "purposes", "full_notice", "retention")
#: A key by itself, not a digit of a telephone number or of an amount.
_KEY = re.compile(r"(?<![\w*#+.,-])[0-9*#](?![\w*#]|[.,-]\d)")


def language_tag(written: str) -> str:
    """Return a tag with the capitalization that RFC 5646 recommends: ``fr-CA``, ``zh-Hant-TW``.

    Raises Invalid, naming the field ``language``, if it is not a tag.
    """
    if len(written) > _MAX_LENGTH or not _TAG.fullmatch(written):
        raise Invalid("language must be a tag such as en, fr-CA or zh-Hant-TW.", field="language")
    first, *rest = written.lower().split("-")
    return "-".join([first, *(_spelled(subtag) for subtag in rest)])


def base_language(tag: str) -> str:
    """Return the language without its region and script: ``fr`` for ``fr-CA``."""
    return tag.partition("-")[0].lower()


def _spelled(subtag: str) -> str:
    if subtag.isalpha() and len(subtag) == _REGION:
        return subtag.upper()
    return subtag.title() if subtag.isalpha() and len(subtag) == _SCRIPT else subtag


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRequest:
    """An author's input for a notice. A draft with empty required elements cannot be published."""

    #: A tag as ``language_tag`` returns it.
    language: str
    audience: Party
    mode: NoticeMode
    #: The places whose law it is written for: ISO 3166-1 ``FR`` or ISO 3166-2 ``US-WA``.
    places: tuple[str, ...] = ()
    #: The exact words that the text must contain, see ``ELEMENTS``.
    controller: str = ""
    purposes: str = ""
    refusal: str = ""
    full_notice: str = ""
    retention: str = ""
    #: Empty to use the default text.
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One version of a notice, or a draft."""

    #: ``ntc_`` and 32 hexadecimal digits.
    id: str
    account_id: str
    language: str
    audience: Party
    mode: NoticeMode
    #: The places whose law it is written for.
    places: tuple[str, ...]
    #: The exact words that the text must contain, see ``ELEMENTS``.
    controller: str
    purposes: str
    refusal: str
    full_notice: str
    retention: str
    text: str
    #: The account's telephone keys when the text was written: what a party hears of keys means these, whatever the
    #: account's policy says later. None where an earlier release wrote it.
    keys: Later[Keys | None] = None
    #: SHA-256 of the text in UTF-8, in hexadecimal.
    text_sha256: str
    #: SHA-256 of the served PCM16 audio, in hexadecimal; None where the platform speaks the text.
    audio_sha256: str | None
    audio_seconds: float | None
    status: NoticeStatus
    #: Assigned at publication, from 1, per account, language, audience and mode.
    version: int | None
    created_at: datetime
    #: The id of the API key.
    created_by: str
    published_at: datetime | None
    retired_at: datetime | None

    @property
    def audible(self) -> bool:
        """Return whether its audio is public: it was published and has audio."""
        return self.status != "draft" and self.audio_sha256 is not None

    @property
    def as_evidence(self) -> NoticeVersion:
        """Return the fields that evidence records when the notice is played."""
        return NoticeVersion(
            id=self.id,
            version=self.version or 0,
            language=self.language,
            text_sha256=self.text_sha256,
            audio_sha256=self.audio_sha256,
        )


def text_digest(text: str) -> str:
    """Return SHA-256 of the text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_complete(notice: Notice, book: RuleBook) -> None:
    """Check that the notice can be published. Raises Invalid, naming the first wrong field."""
    for error in incompleteness(notice, book):
        raise error


def incompleteness(notice: Notice, book: RuleBook) -> Sequence[Invalid]:
    """Return why the notice cannot be published, with the field that each is about; empty if it can be.

    The elements are those that regulators agree on: who records, for what, how to refuse, where the full notice
    is; and the retention period, where the law of a place requires that it is spoken. The words of each element
    must be in the text; case and white space are ignored.
    """
    found = [
        Invalid(f"The notice does not say {ELEMENTS[field]}.", field=field)
        for field in _required_elements(notice, book)
        if not getattr(notice, field).strip()
    ]
    heard = folded(notice.text)
    for field, meaning in ELEMENTS.items():
        if folded(getattr(notice, field)) not in heard:
            text = Sentence("The text must contain the words that say %(why)s.", why=meaning)
            found.append(Invalid(text, field=field))
    if PLACEHOLDER.search(notice.text):
        found.append(Invalid("The text still contains a placeholder in braces: replace it.", field="text"))
    if notice.mode == "tone" and notice.audio_sha256 is None:
        found.append(Invalid("A notice with the mode tone needs audio: create it first.", field="audio"))
    return found


def _required_elements(notice: Notice, book: RuleBook) -> list[str]:
    """Return the elements that must not be empty."""
    required = ["controller", "purposes"]
    if notice.audience != "agent":
        # Agents can object under employment law.
        required.append("refusal")
    required.append("full_notice")
    if any(book.of(place).retention_spoken for place in notice.places):
        required.append("retention")
    return required


def choose(
    published: Iterable[Notice], audience: Party, mode: Mode, languages: Sequence[str]
) -> Notice | None:
    """Return the notice to play to a party, or None where none is needed or available.

    ``languages`` are the wanted ones, the account's locale last. For each, the exact tag is tried first, then
    the tag without region, then another region; then English, then any language. Within a language the wanted
    mode is used, or the mildest stricter one. The language has priority: a stricter mode than required still
    meets the law, but a notice in a language that the party does not understand does not.
    """
    if mode == "none":
        return None
    strict = MODES.index(mode)
    fitting = sorted(
        (
            notice
            for notice in published
            if notice.audience == audience and MODES.index(notice.mode) >= strict
        ),
        key=lambda notice: (MODES.index(notice.mode), notice.language, -(notice.version or 0)),
    )
    for tag in [*languages, _FALLBACK_LANGUAGE]:
        base = base_language(tag)
        for tag_or_base in (tag.lower(), base):
            exact = next((notice for notice in fitting if notice.language.lower() == tag_or_base), None)
            if exact is not None:
                return exact
        other_region = next((notice for notice in fitting if base_language(notice.language) == base), None)
        if other_region is not None:
            return other_region
    return next(iter(fitting), None)


def keys_named(notice: Notice) -> frozenset[str]:
    """Return the keys that a text names as digits, outside the words of elements that speak of no key."""
    text = notice.text
    for words in (getattr(notice, element) for element in _WITHOUT_KEYS):
        text = re.sub(re.escape(words), " ", text, flags=re.IGNORECASE) if words else text
    return frozenset(_KEY.findall(text))


def asks_for_key(notice: Notice) -> bool:
    """Return whether a party may press a key after this notice: by its mode, or because its text names one.

    A text with ``press 9`` promises that somebody listens, whatever its mode is.
    """
    return notice.mode in KEY_MODES or (notice.mode == "announce" and bool(keys_named(notice)))


def mode_as_played(notice: Notice) -> NoticeMode:
    """Return the mode that a platform follows while it plays a notice: one that names a key is one that asks for it."""
    return "opt_out_key" if notice.mode == "announce" and asks_for_key(notice) else notice.mode


def check_keys(draft: Notice, keys: Keys) -> None:
    """Check that a notice which asks for a key speaks of the account's keys.

    A text may name them in words, which nobody compares. Raises Refused for a text that was written for other keys,
    and Invalid, field ``text``, for one that names other keys as digits.
    """
    if not asks_for_key(draft):
        return
    if draft.keys not in {None, keys}:
        raise Refused(
            "The account's keys were changed after this text was written, and it may name the keys of before. Save the "
            "draft with a text for the new keys.",
            reasons=("other_keys",),
        )
    named = keys_named(draft)
    needed = [keys.decline, keys.accept] if draft.mode == "opt_in_key" else [keys.decline]
    lacking = [key for key in needed if key not in named]
    if named and lacking:
        raise Invalid(
            f"The text names {' and '.join(sorted(named))} and not the account's key {' and '.join(lacking)}.",
            field="text",
        )


def spoken(notice: Notice) -> tuple[object, ...]:
    """Return what the audio of a notice says; the keys count where it asks for one."""
    return notice.text, notice.language, notice.mode, notice.keys if asks_for_key(notice) else None
