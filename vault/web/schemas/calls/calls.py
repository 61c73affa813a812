"""JSON schemas of call start, consent and evidence."""

import base64
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CALL_YEARS, CallFacts, is_plausible
from vault.domain.calls.metadata import Metadata
from vault.domain.consent import consent_event as nouns
from vault.domain.public_urls import PublicUrls
from vault.domain.reason import Reason
from vault.domain.retention.judge import Ground
from vault.domain.stored.evidence import Evidence
from vault.services.admission.call_start import CallAnswer
from vault.services.consent.consent_records import ConsentRequest, EvidenceView
from vault.web.schemas.base import Body, MomentIn, MomentOut, Text
from vault.web.schemas.calls.metadata import MetadataIn


def _plausible(value: datetime) -> datetime:
    if not is_plausible(value):
        text = (
            f"must be a time of the call, in the years {CALL_YEARS[0]} to {CALL_YEARS[-1]}; "
            "if the start is not known, send the current time, and leave out an end that is not known"
        )
        raise ValueError(text)
    return value


#: ISO 3166-1 (``FR``) or ISO 3166-2 (``US-WA``).
Place = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
#: A time of a call. Webhooks refuse other years too.
CallMomentIn = Annotated[MomentIn, AfterValidator(_plausible)]
Seconds = Annotated[float, Field(ge=0, le=43_200)]
Party = Literal["caller", "callee", "agent"]


class CallIn(Body):
    """The platform's facts of a call, at its start or later."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    #: `inbound`: the caller is outside the account; `outbound`: the callee is.
    direction: Literal["inbound", "outbound"]
    #: The caller's number; an international one is converted to E.164, any other stays as written.
    caller: Annotated[Text, Field(alias="from")]
    #: The callee's number, as `from`.
    callee: Annotated[Text, Field(alias="to")]
    #: Start of the call; if it is not known, the current time.
    started_at: CallMomentIn
    #: End of the call, once it is known; not before `started_at`.
    ended_at: CallMomentIn | None = None
    #: Who speaks for the account.
    agent: Text | None = None
    #: The caller's place. Default: derived from the number's prefix.
    caller_place: Annotated[Place | None, Field(alias="from_place")] = None
    #: The callee's place. Default: derived from the number's prefix.
    callee_place: Annotated[Place | None, Field(alias="to_place")] = None
    #: The language of the notice for the external party, such as `fr` or `en-US`.
    language: Tag | None = None
    #: Texts of your own, such as the number of an order. A later report adds keys and replaces values.
    metadata: MetadataIn

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ended_at is not None and self.ended_at < self.started_at:
            raise ValueError("ended_at must not be before started_at")
        return self


class CallFactsOut(BaseModel):
    """The facts of a call."""

    model_config = ConfigDict(populate_by_name=True)
    call_ref: str
    direction: str | None = None
    caller: Annotated[str | None, Field(serialization_alias="from")] = None
    callee: Annotated[str | None, Field(serialization_alias="to")] = None
    started_at: MomentOut | None = None
    answered_at: MomentOut | None = None
    ended_at: MomentOut | None = None
    agent: str | None = None
    #: The caller's place, as reported by the platform.
    caller_place: Annotated[str | None, Field(serialization_alias="from_place")] = None
    #: The callee's place, as reported by the platform.
    callee_place: Annotated[str | None, Field(serialization_alias="to_place")] = None
    language: str | None = None
    metadata: dict[str, str] = {}

    @classmethod
    def of(cls, facts: CallFacts, metadata: Metadata) -> "CallFactsOut":
        """Show facts and metadata of a call."""
        return cls(**{name: getattr(facts, name) for name in CallFacts.__slots__}, metadata=dict(metadata))


class ReasonOut(BaseModel):
    """A reason for a decision."""

    code: str
    text: str
    source: str | None = None

    @classmethod
    def of(cls, reason: Reason) -> "ReasonOut":
        """Show a reason."""
        return cls(code=reason.code, text=reason.text, source=reason.source)


class PlaceOut(BaseModel):
    """A party's place, and the source of that information."""

    party: Party
    #: Null or absent if unknown.
    place: str | None = None
    known_by: Literal["said", "prefix", "account", "nothing"]


class NoticeToPlayOut(BaseModel):
    """A notice to play to a party."""

    party: Party
    id: str
    version: int
    language: str
    mode: str
    text: str
    text_sha256: str
    #: 8 kHz mono WAV; null if the platform speaks the text.
    audio_url: str | None = None
    audio_sha256: str | None = None
    seconds: float | None = None


class DecisionOut(BaseModel):
    """Whether a call may be recorded, the notices to play, and the reasons."""

    record: bool
    verdict: Literal["allow", "quarantine", "refuse"]
    #: Reasons against recording come first.
    reasons: list[ReasonOut]
    epoch: int
    mode: nouns.Mode
    #: Required position of the notice relative to the recording.
    notice_position: Literal["any", "before", "inside", "before_and_inside"]
    places: list[PlaceOut]
    policy_version: int
    rule_book: str
    #: The notices to play, with their parties.
    notices: list[NoticeToPlayOut] = []

    @classmethod
    def of(cls, decision: Decision, notices: list[NoticeToPlayOut] | None = None) -> "DecisionOut":
        """Show a decision."""
        same = ("record", "verdict", "epoch", "mode", "policy_version", "rule_book")
        return cls(
            **{name: getattr(decision, name) for name in same},
            notice_position=decision.position,
            reasons=[ReasonOut.of(reason) for reason in decision.reasons],
            places=[
                PlaceOut(party=place.party, place=place.place, known_by=place.known_by)
                for place in decision.places
            ],
            notices=notices or [],
        )


class CallOut(BaseModel):
    """The response to a report of a call."""

    id: str
    decision: DecisionOut

    @classmethod
    def of(cls, answer: CallAnswer, urls: PublicUrls) -> "CallOut":
        """Show the decision and its notices."""
        notices = []
        for party, notice in answer.notices:
            same = ("id", "language", "mode", "text", "text_sha256", "audio_sha256")
            url = urls.prompt(notice.id) if notice.audible else None
            notices.append(
                NoticeToPlayOut(
                    **{name: getattr(notice, name) for name in same},
                    party=party,
                    version=notice.version or 0,
                    seconds=notice.audio_seconds,
                    audio_url=url,
                )
            )
        return cls(id=answer.call_id, decision=DecisionOut.of(answer.decision, notices))


class ConsentIn(Body):
    """A consent event: a notice that was played to a party, or the party's answer."""

    party: Party
    event: nouns.Answer
    method: nouns.Method
    at: CallMomentIn
    #: The id of the notice version that was played.
    notice: Annotated[str, Field(max_length=64)] | None = None
    #: Start of the notice relative to the start of the recording, in seconds.
    offset: Annotated[float, Field(ge=-43_200, le=43_200)] | None = None
    #: Length of the notice, in seconds.
    length: Seconds | None = None

    def wish(self) -> ConsentRequest:
        """Convert to the service's request."""
        return ConsentRequest(
            party=self.party,
            answer=self.event,
            method=self.method,
            at=self.at,
            notice=self.notice,
            offset=None if self.offset is None else timedelta(seconds=self.offset),
            length=None if self.length is None else timedelta(seconds=self.length),
        )


class ConsentOut(BaseModel):
    """A stored consent event, and the call's current decision."""

    id: str
    heard_at: MomentOut
    decision: DecisionOut


class VerdictIn(Body):
    """The reason for an admin's decision; it is logged."""

    reason: Text


class ErasureQuery(Body):
    """Why a recording is erased before a minimum of the retention policy ends."""

    #: `unlawful_recording`: nobody was allowed to make it. `sad_found`: it has the code of a payment card, which may
    #: not be stored (PCI DSS 3.3.1).
    ground: Ground | None = None


class LiftingQuery(Body):
    """When the persons who had asked for a restriction were informed that it is lifted."""

    told_at: MomentIn | None = None
    requests: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=200)] = Field(
        default_factory=list
    )


class RestrictionIn(Body):
    """The reason for a restriction."""

    reason: Text | None = None


class EvidenceEntryOut(BaseModel):
    """A piece of evidence."""

    #: SHA-256 of ``canonical``.
    digest: str
    #: The salt followed by the JSON, in base64.
    canonical: str
    #: The first 32 bytes of ``canonical``, in hexadecimal.
    salt: str
    said: dict[str, Any]

    @classmethod
    def of(cls, evidence: Evidence) -> "EvidenceEntryOut":
        """Show a piece of evidence."""
        return cls(
            digest=evidence.digest,
            canonical=base64.b64encode(evidence.canonical).decode(),
            salt=evidence.salt.hex(),
            said=evidence.content,
        )


class EvidenceOut(BaseModel):
    """The evidence of a recording."""

    recording: str
    #: The evidence at the time when the audio was sealed; its digest is in the encryption context.
    sealed: EvidenceEntryOut
    #: Later entries, oldest first; each has the digest of the previous one as ``before``.
    chain: list[EvidenceEntryOut]
    #: The digest of the newest entry.
    head: str

    @classmethod
    def of(cls, view: EvidenceView) -> "EvidenceOut":
        """Show the evidence."""
        return cls(
            recording=view.recording_id,
            sealed=EvidenceEntryOut.of(view.sealed),
            chain=[EvidenceEntryOut.of(entry) for entry in view.chain],
            head=view.head,
        )
