"""The JSON of notices."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from vault.domain.consent.consent_event import Party
from vault.domain.notices import notice as nouns
from vault.domain.notices.audio import Beep, PromptRequest
from vault.domain.notices.notice import NoticeMode, NoticeRequest, NoticeStatus
from vault.web.schemas.base import Body, MomentOut


def _readable(value: str) -> str:
    if not all(line.isprintable() for line in value.split("\n")):
        raise ValueError("no control characters but the end of a line")
    return value


#: Words that must be heard; empty while they are not decided.
Element = Annotated[str, Field(max_length=500), AfterValidator(_readable)]


class NoticeIn(Body):
    """A draft. What it lacks to be published may come later; without a text it gets the default one."""

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
    text: Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_readable)] | None = None

    def wish(self) -> NoticeRequest:
        """Return what the author wants."""
        said = self.model_dump()
        return NoticeRequest(**said | {"places": tuple(self.places), "text": self.text or ""})


class NoticeOut(BaseModel):
    """A notice: a draft, or a version."""

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
    text_sha256: str
    #: SHA-256 of the audio as it is served in PCM16.
    audio_sha256: str | None = None
    audio_seconds: float | None = None
    #: Where anybody may fetch the audio, once it was published.
    audio_url: str | None = None
    status: NoticeStatus
    version: int | None = None
    created_at: MomentOut
    created_by: str
    published_at: MomentOut | None = None
    retired_at: MomentOut | None = None

    @classmethod
    def of(cls, notice: nouns.Notice, public_url: str) -> "NoticeOut":
        """Show a notice."""
        same = {name: getattr(notice, name) for name in cls.model_fields if name != "audio_url"}
        url = f"{public_url}/notices/{notice.id}/prompt.wav" if notice.audible else None
        return cls(**same | {"places": list(notice.places)}, audio_url=url)


class NoticesOut(BaseModel):
    """Notices, newest first."""

    items: list[NoticeOut]
    next_cursor: str | None = None


class NoticesQuery(Body):
    """What a list of notices is narrowed to."""

    status: NoticeStatus | None = None


_DEFAULT = PromptRequest()


class PromptQuery(Body):
    """How audio is made of the body: what PromptWish says of each, and in which units."""

    #: Where a tone is heard.
    beep: Beep = _DEFAULT.beep
    #: The pitch of the tone, in hertz.
    beep_hz: int = _DEFAULT.beep_hz
    #: How long the tone is.
    beep_seconds: float = _DEFAULT.beep_seconds
    #: Silence before everything else.
    lead_seconds: float = _DEFAULT.lead_seconds
    #: Silence after everything else.
    trail_seconds: float = _DEFAULT.trail_seconds
    #: The loudness of speech, in decibels below full scale.
    level_dbfs: float = _DEFAULT.level_dbfs

    def wish(self) -> PromptRequest:
        """Return what is wanted."""
        return PromptRequest(**self.model_dump())
