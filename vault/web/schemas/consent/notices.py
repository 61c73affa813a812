"""JSON schemas of notices."""

from dataclasses import asdict
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from vault.domain.consent.consent_event import Party
from vault.domain.notices import notice as nouns
from vault.domain.notices.audio import Beep, PromptRequest
from vault.domain.notices.notice import NoticeMode, NoticeRequest, NoticeStatus
from vault.domain.public_urls import PublicUrls
from vault.web.schemas.base import Body, MomentOut, PageQuery, readable_lines

#: A required element of the spoken text; empty in an unfinished draft.
Element = Annotated[str, Field(max_length=500), AfterValidator(readable_lines)]


class NoticeIn(Body):
    """A draft. Elements required for publishing may be added later; without a text it gets the default text."""

    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
    audience: Party
    mode: NoticeMode
    places: Annotated[list[Annotated[str, Field(max_length=6)]], Field(max_length=300)] = Field(
        default_factory=list
    )
    controller: Element = ""
    purposes: Element = ""
    refusal: Element = ""
    full_notice: Element = ""
    retention: Element = ""
    text: Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(readable_lines)] | None = None

    def wish(self) -> NoticeRequest:
        """Convert to the service's request."""
        fields = self.model_dump()
        return NoticeRequest(**fields | {"places": tuple(self.places), "text": self.text or ""})


class NoticeKeysOut(BaseModel):
    """The telephone keys that the text of a notice names."""

    accept: str
    decline: str
    #: Declines, and enters an objection for the number; absent without such a key.
    object: str | None = None


class NoticeOut(BaseModel):
    """A notice: a draft or a version."""

    id: str
    language: str
    audience: Party
    mode: NoticeMode
    places: list[str]
    controller: str
    purposes: str
    refusal: str
    full_notice: str
    retention: str
    text: str
    #: The account's telephone keys when the text was written; what parties press means these.
    keys: NoticeKeysOut | None = None
    text_sha256: str
    #: SHA-256 of the audio in PCM16, as served.
    audio_sha256: str | None = None
    audio_seconds: float | None = None
    #: Public URL of the audio once the notice is published.
    audio_url: str | None = None
    status: NoticeStatus
    version: int | None = None
    created_at: MomentOut
    created_by: str
    published_at: MomentOut | None = None
    retired_at: MomentOut | None = None

    @classmethod
    def of(cls, notice: nouns.Notice, urls: PublicUrls) -> "NoticeOut":
        """Show a notice."""
        same = {name: getattr(notice, name) for name in cls.model_fields if name != "audio_url"}
        url = urls.prompt(notice.id) if notice.audible else None
        keys = None if notice.keys is None else NoticeKeysOut(**asdict(notice.keys))
        return cls(**same | {"places": list(notice.places), "keys": keys}, audio_url=url)


class NoticesOut(BaseModel):
    """Notices, newest first."""

    items: list[NoticeOut]
    next_cursor: str | None = None


class NoticesQuery(PageQuery):
    """A page of a list of notices, and its filter."""

    status: NoticeStatus | None = None


_DEFAULT = PromptRequest()


class PromptQuery(Body):
    """How the notice's audio is made from the body; the fields are those of PromptRequest."""

    #: Position of the tone.
    beep: Beep = _DEFAULT.beep
    #: Frequency of the tone, in hertz.
    beep_hz: int = _DEFAULT.beep_hz
    #: Length of the tone, in seconds.
    beep_seconds: float = _DEFAULT.beep_seconds
    #: Silence at the beginning, in seconds.
    lead_seconds: float = _DEFAULT.lead_seconds
    #: Silence at the end, in seconds.
    trail_seconds: float = _DEFAULT.trail_seconds
    #: Level of speech, in dBFS (decibels relative to full scale).
    level_dbfs: float = _DEFAULT.level_dbfs

    def wish(self) -> PromptRequest:
        """Convert to the service's request."""
        return PromptRequest(**self.model_dump())
