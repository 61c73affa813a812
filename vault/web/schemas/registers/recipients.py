"""JSON schemas of recipients and disclosures."""

from dataclasses import asdict, replace
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from vault.domain.registers import entries as nouns
from vault.domain.registers.entries import Contract, ContractStatus, Entry, RecipientRole, Safeguard
from vault.services.registers.disclosures import Disclosure, DisclosureKind
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Text, Words, patch

Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
#: The id of an entry.
EntryRef = Annotated[str, Field(min_length=1, max_length=64)]
_Parts = Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=50)]


class ContractIn(Body):
    """The contract with a recipient."""

    status: ContractStatus
    signed_on: date | None
    ends_on: date | None

    def value(self) -> Contract:
        """Convert to the register's contract."""
        return Contract(**self.model_dump())


class _RecipientFields(Body):
    """A recipient or a part of one."""

    name: Text
    address: Words
    #: A contact person.
    contact: Words
    role: RecipientRole
    #: What they receive the data for.
    purpose: Text
    #: ISO 3166-1 code, such as `FR`.
    country: Country
    #: The ground of a transfer to a third country (GDPR art. 45 to 49).
    safeguard: Safeguard | None = None
    contract: ContractIn | None = None
    #: The id of the recipient that engages this one; null if the account does.
    parent: EntryRef | None = None
    since: date
    #: The last day on which the controller may object to a new sub-processor.
    objection_until: date | None = None
    #: Parts of the vault that they run: `object_store`, `root_key`, `database`, or `connection/<name>`.
    covers: _Parts = Field(default_factory=list)
    #: Whether the privacy page names them.
    public: Flag = True

    def sent(self) -> dict[str, Any]:
        """Return the sent fields as the register has them."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if isinstance(sent.get("contract"), ContractIn):
            sent["contract"] = sent["contract"].value()
        if "covers" in sent:
            sent["covers"] = tuple(sent["covers"])
        return sent


class RecipientIn(_RecipientFields):
    """Somebody who receives recordings or processes them for the account."""

    def recipient(self) -> nouns.Recipient:
        """Convert to the register's recipient."""
        return nouns.Recipient(**{name: value for name, value in self.sent().items() if value is not None})


@patch(without=["since"], name="", address="", contact="", role="processor", purpose="", country="")
class RecipientPatchIn(_RecipientFields):
    """Fields of a recipient to change. Fields that are not sent stay unchanged."""

    contract: ContractIn = ContractIn(status="none", signed_on=None, ends_on=None)

    def merged(self, before: nouns.Recipient) -> nouns.Recipient:
        """Return the recipient ``before`` with the sent fields replaced."""
        return replace(before, **self.sent())


class EndIn(Body):
    """The end of a recipient."""

    #: Their last day; today if it is not sent.
    until: date | None = None


class ContractOut(BaseModel):
    """The contract with a recipient."""

    status: ContractStatus
    signed_on: date | None = None
    ends_on: date | None = None


class RecipientOut(BaseModel):
    """A recipient."""

    id: str
    revision: int
    name: str
    address: str
    contact: str
    role: RecipientRole
    purpose: str
    country: str
    safeguard: Safeguard | None = None
    contract: ContractOut
    parent: str | None = None
    since: date
    #: The last day; null while they are a recipient.
    until: date | None = None
    objection_until: date | None = None
    covers: list[str]
    public: bool
    changed_at: MomentOut
    changed_by: str

    @classmethod
    def of(cls, entry: Entry[nouns.Recipient]) -> "RecipientOut":
        """Show a recipient."""
        return cls(
            **asdict(entry.content),
            id=entry.id,
            revision=entry.revision,
            changed_at=entry.changed_at,
            changed_by=entry.changed_by,
        )


class RecipientsOut(BaseModel):
    """A page of recipients, newest first."""

    items: list[RecipientOut]
    next_cursor: str | None = None


class EntriesQuery(Body):
    """A page of a register."""

    cursor: Annotated[str, Field(max_length=128)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DisclosuresQuery(Body):
    """Filters for a list of disclosures."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    recording: Annotated[str, Field(max_length=64)] | None = None
    #: The listener's name in the link.
    recipient: Annotated[str, Field(max_length=200)] | None = None
    #: Disclosures at or after this time.
    since: Annotated[MomentIn | None, Field(alias="from")] = None
    #: Disclosures before this time.
    until: Annotated[MomentIn | None, Field(alias="to")] = None
    #: The leaf index of the first event of the page.
    cursor: Annotated[int, Field(ge=0, le=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class DisclosureOut(BaseModel):
    """What one recipient got of one recording: in a session, or by a key, operator or integration on a day (UTC)."""

    #: The leaf index of its first access event.
    index: int
    at: MomentOut
    kind: DisclosureKind
    recording: str | None
    #: The listener's name in the link, or the vendor's of an integration; null without one.
    recipient: str | None
    #: The id of a session, an API key or an integration, or `operator`.
    actor: str
    link: str | None
    #: Bytes of audio that were granted; a range that was granted twice counts twice.
    granted: int
    #: Seconds that the player reported as played, each counted once; nobody can check it. Null without a report.
    heard_seconds: int | None

    @classmethod
    def of(cls, disclosure: Disclosure) -> "DisclosureOut":
        """Show a disclosure."""
        same = ("index", "at", "kind", "recipient", "actor", "granted", "heard_seconds")
        return cls(
            **{name: getattr(disclosure, name) for name in same},
            recording=disclosure.recording_id,
            link=disclosure.link_id,
        )


class DisclosuresOut(BaseModel):
    """A page of disclosures, in log order."""

    items: list[DisclosureOut]
    next_cursor: str | None = None
