"""JSON schemas of requests of authorities, and of the export of their counts."""

from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import BaseModel, Field

from vault.domain.registers import entries as nouns
from vault.domain.registers.entries import (
    AuthorityAccess,
    AuthorityDecision,
    AuthorityRequestKind,
    AuthorityScope,
    Entry,
)
from vault.domain.registers.transparency import CountryCounts, TransparencyReport
from vault.web.schemas.base import Body, MomentIn, MomentOut, Text, Words
from vault.web.schemas.registers.recipients import Country

_Numbers = Annotated[list[Annotated[Text, Field(max_length=64)]], Field(max_length=1000)]
_Ids = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=10_000)]
_Leaves = Annotated[list[Annotated[int, Field(ge=0, le=2**62, strict=True)]], Field(max_length=10_000)]
_Count = Annotated[int, Field(ge=0, le=2**31, strict=True)]


class _AuthorityRequestFields(Body):
    """A request of an authority or a part of one."""

    #: The document, such as its reference.
    instrument: Words = ""
    #: The law that it names.
    statute: Words = ""
    #: Telephone numbers that it names.
    numbers: _Numbers = Field(default_factory=list)
    #: How many persons or accounts it affects; null: as many as it has numbers.
    affected: _Count | None = None
    period_from: MomentIn | None = None
    period_to: MomentIn | None = None
    due_at: MomentIn | None = None
    #: Until then nobody may be told of it, and the export leaves it out.
    secret_until: MomentIn | None = None
    #: Who reviews it.
    reviewer: Words = ""
    decision: AuthorityDecision | None = None
    decided_at: MomentIn | None = None
    #: Ids of the recordings that were given.
    recordings: _Ids = Field(default_factory=list)
    #: Leaf indices of the access events that show it.
    leaves: _Leaves = Field(default_factory=list)
    #: How they were given.
    handover: Words = ""
    #: When the person was told.
    told_at: MomentIn | None = None
    #: Why the person was not told.
    not_told_reason: Words = ""

    def sent(self) -> dict[str, Any]:
        """Return the sent fields as the register has them."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in sent.items()}


class AuthorityRequestIn(_AuthorityRequestFields):
    """A request of an authority for recordings or facts of calls."""

    received_at: MomentIn
    authority: Text
    #: ISO 3166-1 code, such as `FR`.
    country: Country
    kind: AuthorityRequestKind
    #: Recordings that exist, or calls from now on.
    access: AuthorityAccess = "stored"
    scope: AuthorityScope

    def request(self) -> nouns.AuthorityRequest:
        """Convert to the register's content."""
        return nouns.AuthorityRequest(**{"access": self.access} | self.sent())


class AuthorityRequestPatchIn(_AuthorityRequestFields):
    """Fields of a request to change, such as the decision. Fields that are not sent stay unchanged."""

    def merged(self, before: nouns.AuthorityRequest) -> nouns.AuthorityRequest:
        """Return the request ``before`` with the sent fields replaced."""
        return replace(before, **self.sent())


class AuthorityRequestOut(BaseModel):
    """A request of an authority."""

    id: str
    revision: int
    received_at: MomentOut
    authority: str
    country: str
    kind: AuthorityRequestKind
    instrument: str
    statute: str
    access: AuthorityAccess
    scope: AuthorityScope
    numbers: list[str]
    affected: int | None = None
    period_from: MomentOut | None = None
    period_to: MomentOut | None = None
    due_at: MomentOut | None = None
    secret_until: MomentOut | None = None
    reviewer: str
    decision: AuthorityDecision | None = None
    decided_at: MomentOut | None = None
    recordings: list[str]
    leaves: list[int]
    handover: str
    told_at: MomentOut | None = None
    not_told_reason: str
    #: The hold that a request for preservation placed.
    hold: str | None = None
    #: All its holds, those included that later changes of its numbers placed.
    holds: list[str]
    changed_at: MomentOut
    changed_by: str

    @classmethod
    def of(cls, entry: Entry[nouns.AuthorityRequest]) -> "AuthorityRequestOut":
        """Show a request."""
        return cls(
            **asdict(entry.content) | {"holds": list(entry.content.holds)},
            id=entry.id,
            revision=entry.revision,
            changed_at=entry.changed_at,
            changed_by=entry.changed_by,
        )


class AuthorityRequestsOut(BaseModel):
    """A page of requests of authorities, newest first."""

    items: list[AuthorityRequestOut]
    next_cursor: str | None = None


class ReportQuery(Body):
    """The year of a report."""

    #: The calendar year in UTC.
    year: Annotated[int, Field(ge=2000, le=9998)]


class CountryCountsOut(BaseModel):
    """The requests of one country."""

    country: str
    received: int
    #: Stored recordings, or calls from now on.
    access: dict[str, int]
    #: Content, metadata or both.
    scope: dict[str, int]
    #: By type of legal process.
    kinds: dict[str, int]
    #: Orders and warrants.
    court_orders: int
    #: Persons or accounts affected.
    affected: int
    #: Requests that do not say how many they affect.
    affected_unknown: int
    #: By type of legal process, then by decision; `open` where nothing was decided yet.
    decisions: dict[str, dict[str, int]]

    @classmethod
    def of(cls, country: str, counts: CountryCounts) -> "CountryCountsOut":
        """Show the counts of a country."""
        same = {name: getattr(counts, name) for name in cls.model_fields if name != "country"}
        decisions = {kind: dict(by) for kind, by in counts.decisions.items()}
        return cls(country=country, **same | {"decisions": decisions})


class TransparencyReportOut(BaseModel):
    """Counts by the elements of RDR's indicator P11a. It names no person, no authority and no document."""

    format: str = "callvault-authority-requests-v1"
    year: int
    countries: list[CountryCountsOut]

    @classmethod
    def of(cls, report: TransparencyReport) -> "TransparencyReportOut":
        """Show a report."""
        countries = [CountryCountsOut.of(name, report.countries[name]) for name in report.order]
        return cls(year=report.year, countries=countries)
