"""Notices: what parties are told of a recording, in words that never change once they were published.

A notice is drafted, checked and published under the next version number of its account, language, audience
and mode; that retires the version before it. Evidence names the version and the digests of its text and its
audio, so what somebody was told can be shown word for word years later.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vault.domain.consent.consent_event import MODES, Mode, NoticeVersion, Party
from vault.domain.notices.language import base_language
from vault.domain.rules.rules import RuleBook
from vault.errors import Invalid

#: What a notice asks of whoever hears it, from the mildest to the strictest; see ``consent.MODES``.
NoticeMode = Literal["tone", "announce", "opt_out_key", "opt_in_key"]
NOTICE_MODES: tuple[NoticeMode, ...] = ("tone", "announce", "opt_out_key", "opt_in_key")
AUDIENCES: tuple[Party, ...] = ("caller", "callee", "agent")
NoticeStatus = Literal["draft", "published", "retired"]
#: The parts of a notice whose words must be heard, and what each says.
ELEMENTS = {
    "controller": "who records",
    "purposes": "what the recording is for",
    "refusal": "how to refuse",
    "full_notice": "where the full privacy notice is",
    "retention": "how long the recording is kept",
}
#: What the default texts leave to be filled in.
PLACEHOLDER = re.compile(r"\{(controller|purposes|refusal|full_notice|retention|accept|decline|kept)\}")
#: The language that is tried when none of the wanted ones is there.
_LAST_RESORT = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRequest:
    """What an author says of a notice. Elements that are empty make a draft that cannot be published."""

    #: A tag in the spelling of ``language_tag``.
    language: str
    audience: Party
    mode: NoticeMode
    #: The places whose law it is meant for: ISO 3166-1 ``FR`` or ISO 3166-2 ``US-WA``.
    places: tuple[str, ...] = ()
    #: The exact words that must be heard: who records, for what, how to refuse, where the full notice is,
    #: and how long the recording is kept.
    controller: str = ""
    purposes: str = ""
    refusal: str = ""
    full_notice: str = ""
    retention: str = ""
    #: Empty where the default text shall be filled in.
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One version of a notice, or the draft of one."""

    #: ``ntc_`` and 32 hexadecimal digits.
    id: str
    account_id: str
    language: str
    audience: Party
    mode: NoticeMode
    #: The places whose law it is meant for.
    places: tuple[str, ...]
    #: The exact words that must be heard, see ``ELEMENTS``.
    controller: str
    purposes: str
    refusal: str
    full_notice: str
    retention: str
    text: str
    #: SHA-256 of the text in UTF-8, in hexadecimal.
    text_sha256: str
    #: SHA-256 of the audio as it is served in PCM16, in hexadecimal; None where the platform speaks the text.
    audio_sha256: str | None
    audio_seconds: float | None
    status: NoticeStatus
    #: Given at publishing, from 1 on, for each account, language, audience and mode.
    version: int | None
    created_at: datetime
    #: The API key that drafted it.
    created_by: str
    published_at: datetime | None
    retired_at: datetime | None

    @property
    def audible(self) -> bool:
        """Return whether anybody may fetch its audio: it was published, and there is some."""
        return self.status != "draft" and self.audio_sha256 is not None

    @property
    def as_evidence(self) -> NoticeVersion:
        """Return what evidence keeps of a notice that was played."""
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
    """Raise Invalid, naming the first field that keeps the notice from being published.

    The elements are those that regulators agree on: who records, for what, how to refuse, where the rest can
    be read; and how long it is kept, where the law of a place wants that to be spoken. What an element says
    must be heard, so its words must occur in the text; case and white space do not count.
    """
    for field in _demanded(notice, book):
        if not getattr(notice, field).strip():
            raise Invalid(f"The notice does not say {ELEMENTS[field]}.", field=field)
    heard = _words(notice.text)
    for field, meaning in ELEMENTS.items():
        if _words(getattr(notice, field)) not in heard:
            raise Invalid(f"The text does not hold the words that say {meaning}.", field=field)
    if PLACEHOLDER.search(notice.text):
        raise Invalid("The text still has a place that must be filled in.", field="text")
    if notice.mode == "tone" and notice.audio_sha256 is None:
        raise Invalid("A tone is not spoken: make its audio first.", field="audio")


def _demanded(notice: Notice, book: RuleBook) -> list[str]:
    """Return the elements that may not be empty."""
    told = ["controller", "purposes"]
    if notice.audience != "agent":
        # Agents have their own ways to object, which the law of employment gives them.
        told.append("refusal")
    told.append("full_notice")
    if any(book.of(place).retention_spoken for place in notice.places):
        told.append("retention")
    return told


def _words(text: str) -> str:
    """Return what is compared: one spelling of each character, small letters, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def choose(
    published: Iterable[Notice], audience: Party, mode: Mode, languages: Sequence[str]
) -> Notice | None:
    """Return the notice to be played to a party, or None where nothing need be or can be.

    ``languages`` are the wanted ones, the account's locale last. Each is looked for exactly, then without its
    region, then in another region; after them English, then whatever there is. In a language the wanted mode
    is taken, or the mildest that is stricter: a party who was asked for more than the law wants was asked
    enough, and one who was told in a language it does not speak was not told.
    """
    if mode == "none":
        return None
    strict = MODES.index(mode)
    fitting = sorted(
        (one for one in published if one.audience == audience and MODES.index(one.mode) >= strict),
        key=lambda one: (MODES.index(one.mode), one.language, -(one.version or 0)),
    )
    for tag in [*languages, _LAST_RESORT]:
        base = base_language(tag)
        for same in (tag.lower(), base):
            found = next((one for one in fitting if one.language.lower() == same), None)
            if found is not None:
                return found
        cousin = next((one for one in fitting if base_language(one.language) == base), None)
        if cousin is not None:
            return cousin
    return next(iter(fitting), None)
