"""JSON schemas of the record of processing."""

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vault.domain.public_urls import PublicUrls
from vault.domain.registers.entries import Contact, LegalBasis, ProcessingProfile, Purpose
from vault.domain.registers.places import Certainty, Place
from vault.domain.registers.processing_record import PeriodCode, ProcessingRecord
from vault.domain.retention.period import Period
from vault.domain.retention.policy import RetentionClass
from vault.web.schemas.base import Body, Flag, MomentOut, Text, Words
from vault.web.schemas.registers.recipients import RecipientOut

_Texts = Annotated[list[Text], Field(max_length=100)]


class ContactIn(Body):
    """An organization or person with the means to reach them."""

    name: Text
    address: Words
    #: A contact person, e-mail address or telephone number.
    contact: Words

    def value(self) -> Contact:
        """Convert to the register's contact."""
        return Contact(**self.model_dump())


class PurposeIn(Body):
    """Why calls are recorded, and on which legal basis (GDPR art. 6(1))."""

    purpose: Text
    legal_basis: LegalBasis
    #: The legitimate interests, the statute or the contract, in words.
    explanation: Words


_Contacts = Annotated[list[ContactIn], Field(max_length=20)]
_Purposes = Annotated[list[PurposeIn], Field(max_length=50)]


class ProfileIn(Body):
    """The part of the record of processing that no setting says. It is replaced as a whole."""

    controller: ContactIn | None = None
    joint_controllers: _Contacts = Field(default_factory=list)
    #: The representative in the Union (GDPR art. 27).
    representative: ContactIn | None = None
    #: The data protection officer.
    officer: ContactIn | None = None
    #: Who operates this vault, if not the controller.
    processor: ContactIn | None = None
    purposes: _Purposes = Field(default_factory=list)
    #: Categories of data subjects, such as `callers`.
    persons: _Texts = Field(default_factory=list)
    #: Categories of personal data, such as `voice`.
    data: _Texts = Field(default_factory=list)
    #: Technical and organizational measures outside the vault.
    measures: _Texts = Field(default_factory=list)
    #: Where people send their requests.
    requests_to: Words = ""
    #: The supervisory authority that takes complaints.
    authority: Words = ""
    #: Whether the privacy page for callers is public.
    published: Flag = False

    def profile(self) -> ProcessingProfile:
        """Convert to the register's content."""
        contacts = ("controller", "representative", "officer", "processor")
        return ProcessingProfile(
            **{name: None if (one := getattr(self, name)) is None else one.value() for name in contacts},
            joint_controllers=tuple(one.value() for one in self.joint_controllers),
            purposes=tuple(Purpose(**one.model_dump()) for one in self.purposes),
            persons=tuple(self.persons),
            data=tuple(self.data),
            measures=tuple(self.measures),
            requests_to=self.requests_to,
            authority=self.authority,
            published=self.published,
        )


class ConnectionInRecordOut(BaseModel):
    """A telephony platform that sends recordings."""

    name: str
    provider: str
    #: Whether the platform's copy is deleted after the vault has its own.
    deletes_at_platform: bool


class NoticeInRecordOut(BaseModel):
    """A published notice, and the period that it tells callers."""

    id: str
    language: str
    audience: str
    mode: str
    version: int | None
    retention: str


class PeriodInRecordOut(BaseModel):
    """How long the recordings of a class are kept, as ISO 8601 periods."""

    model_config = ConfigDict(populate_by_name=True)
    name: Annotated[str, Field(serialization_alias="class")]
    period: str | None
    #: What the period counts from.
    starts: str
    minimum: str | None
    minimum_ground: str | None
    maximum: str | None
    at_end: str

    @classmethod
    def of(cls, kept: RetentionClass) -> "PeriodInRecordOut":
        """Show a class, without the words that somebody typed."""
        return cls(
            name=kept.name,
            period=_written(kept.period),
            starts=kept.starts,
            minimum=_written(kept.minimum),
            minimum_ground=kept.minimum_ground,
            maximum=_written(kept.maximum),
            at_end=kept.at_end,
        )


def _written(period: Period | None) -> str | None:
    return None if period is None else str(period)


class StoragePlaceOut(BaseModel):
    """Where the vault keeps data or keys, from its settings."""

    part: str
    kind: str
    host: str | None
    region: str | None
    #: `proved` where the provider of the cloud says it, `declared` where the operator alone does.
    region_is: Certainty | None

    @classmethod
    def of(cls, place: Place) -> "StoragePlaceOut":
        """Show a place."""
        return cls(
            part=place.part, kind=place.kind, host=place.host, region=place.region, region_is=place.region_is
        )


class ContactOut(BaseModel):
    """An organization or person with the means to reach them."""

    name: str
    address: str
    contact: str


class PurposeOut(BaseModel):
    """Why calls are recorded, and on which legal basis (GDPR art. 6(1))."""

    purpose: str
    legal_basis: LegalBasis
    explanation: str


class ProcessingRecordOut(BaseModel):
    """The record of processing activities (GDPR art. 30(1) and 30(2)), generated on request."""

    account: str
    account_name: str
    at: MomentOut
    #: The revision of the typed part; 0 until it was set.
    revision: int
    #: What art. 30 requires and nobody has entered; empty if the record is complete.
    missing: list[str]
    #: What the privacy page does not say of recipients: look at it before you publish the page. `recipients`: none is
    #: entered; `recipient/<part>`: none for this part; `unnamed/<id>`: a recipient whose `public` is false.
    page_lacks: list[str]
    #: The privacy page for callers; null until it is published.
    page_url: str | None
    controller: ContactOut | None
    joint_controllers: list[ContactOut]
    representative: ContactOut | None
    officer: ContactOut | None
    processor: ContactOut | None
    purposes: list[PurposeOut]
    persons: list[str]
    data: list[str]
    requests_to: str
    #: The supervisory authority that takes complaints.
    authority: str
    #: Categories of processing that the vault carries out, as codes.
    categories: list[str]
    #: Recipients in force.
    recipients: list[RecipientOut]
    #: Ids of the recipients outside the European Economic Area.
    transfers: list[str]
    #: The time limit for erasure: `by_class`, as `periods` says; `kept_until_erased` without a retention policy;
    #: `unreadable` where it cannot be read, and so erases nothing.
    period: PeriodCode
    #: The classes of the retention policy in force.
    periods: list[PeriodInRecordOut]
    #: Measures of the vault itself, as codes.
    measures: list[str]
    #: Measures outside the vault.
    other_measures: list[str]
    recording_enabled: bool
    #: The version of the consent policy.
    consent_policy: int
    connections: list[ConnectionInRecordOut]
    notices: list[NoticeInRecordOut]
    places: list[StoragePlaceOut]

    @classmethod
    def of(cls, record: ProcessingRecord, urls: PublicUrls) -> "ProcessingRecordOut":
        """Show a record."""
        settings, typed, profile = record.settings, asdict(record.content), record.profile
        published = profile is not None and typed.pop("published")
        same = {name: value for name, value in typed.items() if name in cls.model_fields}
        names = ("id", "language", "audience", "mode", "version", "retention")
        return cls(
            **same | {"measures": list(record.measures)},
            account=settings.account,
            account_name=settings.name,
            at=record.at,
            revision=0 if profile is None else profile.revision,
            missing=list(record.missing),
            page_lacks=list(record.page_lacks),
            page_url=urls.privacy_page(profile.id) if profile is not None and published else None,
            categories=list(record.categories),
            recipients=[RecipientOut.of(entry) for entry in record.recipients],
            transfers=[entry.id for entry in record.transfers],
            period=record.period,
            periods=[PeriodInRecordOut.of(kept) for kept in settings.retention or ()],
            other_measures=list(record.content.measures),
            recording_enabled=settings.switch.enabled,
            consent_policy=settings.policy.version,
            connections=[
                ConnectionInRecordOut(
                    name=one.name, provider=one.provider, deletes_at_platform=one.source_policy != "keep"
                )
                for one in settings.connections
            ],
            notices=[
                NoticeInRecordOut(**{name: getattr(one, name) for name in names}) for one in settings.notices
            ],
            places=[StoragePlaceOut.of(place) for place in settings.places],
        )
