"""JSON schemas of requests of people."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vault.domain.requests.decision import Code
from vault.domain.requests.found import NOT_SEARCHABLE
from vault.domain.requests.request import (
    Identity,
    IdentityType,
    Kind,
    PauseReason,
    Period,
    PersonalData,
    PersonKind,
    Regime,
    RequestState,
    Verdict,
    Verification,
    VerificationMethod,
)
from vault.services.requests.new_request import NewRequest
from vault.services.requests.requests import RequestView
from vault.services.requests.ruling_request import RulingRequest
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Ref, Text


def _region(value: str) -> str:
    if not (len(value) == 2 and value.isascii() and value.isalpha() and value.isupper()):  # noqa: PLR2004 - ISO 3166
        raise ValueError("must be a country code of two capital letters, such as FR")
    return value


Region = Annotated[str, Field(max_length=2), AfterValidator(_region)]
#: Words of a person or about one: they are stored sealed.
Words = Annotated[str, Field(min_length=1, max_length=2000)]


class PeriodIn(Body):
    """The time in which the calls took place: from is in it, to is not."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    since: Annotated[MomentIn | None, Field(alias="from")] = None
    until: Annotated[MomentIn | None, Field(alias="to")] = None

    @model_validator(mode="after")
    def _in_order(self) -> "PeriodIn":
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("from must be before to")
        return self

    def period(self) -> Period:
        """Return the period."""
        return Period(since=self.since, until=self.until)


class IdentityIn(Body):
    """A telephone number of the person in any spelling, or the name of an agent."""

    type: IdentityType
    value: Text
    #: The country of a number in a national spelling.
    region: Region | None = None


class VerificationIn(Body):
    """How you verified who asks. Documents of the person stay with you."""

    method: VerificationMethod
    at: MomentIn


class RequestIn(Body):
    """A request of a person about their data."""

    kind: PersonKind
    regime: Regime
    received_at: MomentIn
    #: Your own id of the request: as long as it is open, a repeated POST with it returns it.
    reference: Ref
    #: How it reached you, such as `letter`.
    channel: Text | None = None
    identities: Annotated[list[IdentityIn], Field(min_length=1, max_length=50)]
    period: PeriodIn | None = None
    #: The person's own words.
    wish: Words | None = None
    verification: VerificationIn | None = None

    def new(self, *, actor: str) -> NewRequest:
        """Return the request as the service takes it."""
        given = self.verification
        return NewRequest(
            kind=self.kind,
            regime=self.regime,
            received_at=self.received_at,
            personal=PersonalData(
                reference=self.reference,
                channel=self.channel,
                identities=tuple(
                    Identity(type=one.type, value=one.value, region=one.region) for one in self.identities
                ),
                period=None if self.period is None else self.period.period(),
                wish=self.wish,
                verification=None
                if given is None
                else Verification(method=given.method, at=given.at, by=actor),
            ),
        )


class PauseIn(Body):
    """Why you wait for the person."""

    reason: PauseReason


class ExtensionIn(Body):
    """A later deadline, and when the person was told of it."""

    until: MomentIn
    reason: Words
    told_at: MomentIn


class VerdictOnIn(Body):
    """A decision on one recording, or on a call without recordings by its `call_ref`."""

    code: Code
    #: The law that obliges you to keep it, such as `MiFID II art. 16(7)`.
    statute: Text | None = None
    until: MomentIn | None = None

    def verdict(self) -> Verdict:
        """Return the verdict."""
        return Verdict(code=self.code, statute=self.statute, until=self.until)


class DecisionIn(VerdictOnIn):
    """A decision on everything that was found, with other ones for some of it."""

    verdicts: Annotated[dict[Ref, VerdictOnIn], Field(max_length=10_000, default_factory=dict)]
    #: Required where something is refused.
    reason: Words | None = None
    #: In place of the period of the request.
    period: PeriodIn | None = None
    #: Whether the numbers were this person's for the whole time, also in gaps of more than 45 days without calls. While
    #: the period has such a gap, what erases or provides is a 409 `period_needed` without it.
    whole_time: Flag = False
    #: When you informed recipients of it, by their id in the register of recipients (GDPR art. 19). The receipt names
    #: them.
    informed: Annotated[dict[Ref, MomentIn], Field(max_length=200, default_factory=dict)]

    def ruling(self) -> RulingRequest:
        """Return the decision as the service takes it."""
        return RulingRequest(
            default=self.verdict(),
            verdicts={name: one.verdict() for name, one in self.verdicts.items()},
            reason=self.reason,
            period=None if self.period is None else self.period.period(),
            whole_time=self.whole_time,
            informed=self.informed,
        )


class GapOut(BaseModel):
    """A time without calls that is long enough for the number to have changed hands."""

    model_config = ConfigDict(populate_by_name=True)
    since: Annotated[MomentOut, Field(serialization_alias="from")]
    until: Annotated[MomentOut, Field(serialization_alias="to")]


class PossibleOut(BaseModel):
    """What may be of somebody else, because a number was reported in a national spelling that can mean several."""

    recordings: list[str]
    #: `call_ref` of calls without a recording.
    calls: list[str]


class FoundOut(BaseModel):
    """What is found of the person, in numbers; ids are in `recordings` and `calls`."""

    #: Recordings and calls without one, by year.
    by_year: Mapping[str, int]
    #: Recordings by state: those in quarantine and in flight are found too.
    by_state: Mapping[str, int]
    recordings: list[str]
    #: Those of `recordings` that a hold keeps: an erasure waits for its end.
    held: list[str]
    #: `call_ref` of calls without a recording.
    calls: list[str]
    #: Those of `calls` that a hold keeps: an erasure waits for its end.
    held_calls: list[str]
    consent_events: int
    objections: int
    #: Links of which an agent of this name is the listener.
    links: int
    gaps: list[GapOut]
    #: Calls whose number was reported without its country, so that it can be somebody else's. They count in nothing
    #: above, and a decision reaches only those that its `verdicts` name.
    possible: PossibleOut


class RequestOut(BaseModel):
    """A request."""

    id: str
    kind: Kind
    regime: Regime
    state: RequestState
    received_at: MomentOut
    created_at: MomentOut
    #: The earliest end of the last day in the time zones where the regime applies; later by an extension.
    due_at: MomentOut | None = None
    #: When the person must have been told that the request arrived (CCPA).
    confirm_by: MomentOut | None = None
    closed_at: MomentOut | None = None
    #: An earlier request of the same kind by the same person.
    repeat_of: str | None = None
    #: Null once the retention of the request itself has ended.
    reference: str | None = None
    paused: bool = False
    #: Null in lists, once the request is closed, and if too much is found.
    found: FoundOut | None = None
    #: Whether more than 10,000 recordings or calls are found: then a decision needs a `period` that has fewer.
    too_many_found: bool = False
    #: Recordings of which the package has the person's channel, with an echo of the other party: listen to them before
    #: you hand it over.
    echoes: list[str]
    #: Where data about the person may be that no search finds.
    not_searchable: list[str]
    #: Of an open request that a package can answer, where one is read: what the package cannot say of the processing,
    #: because you have not entered it. `controller`, `purposes`, `data`, `recipients`, `recipient/<part>`.
    answer_lacks: list[str] | None = None

    @classmethod
    def of(cls, view: RequestView, answer_lacks: Sequence[str] | None = None) -> "RequestOut":
        """Show a request."""
        request, personal = view.request, view.request.personal
        same = ("id", "kind", "regime", "state", "received_at", "created_at", "closed_at", "repeat_of")
        return cls(
            **{name: getattr(request, name) for name in same},
            due_at=view.deadline.due_at,
            confirm_by=view.deadline.confirm_by,
            reference=None if personal is None else personal.reference,
            paused=personal is not None and personal.waiting is not None,
            found=_found(view),
            too_many_found=view.too_many,
            echoes=[] if personal is None or personal.ruling is None else list(personal.ruling.echoes),
            not_searchable=list(NOT_SEARCHABLE),
            answer_lacks=None if answer_lacks is None else list(answer_lacks),
        )


class RequestsOut(BaseModel):
    """A page of requests, newest first."""

    items: list[RequestOut]
    next_cursor: str | None = None


class RequestsQuery(Body):
    """Filters for a list of requests."""

    state: RequestState | None = None
    #: Open requests whose deadline is before this time.
    due_before: MomentIn | None = None
    cursor: Annotated[str, Field(max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


def _found(view: RequestView) -> FoundOut | None:
    found = view.found
    if found is None:
        return None
    summary = found.summary
    return FoundOut(
        by_year={str(year): count for year, count in summary.by_year.items()},
        by_state=summary.by_state,
        recordings=[one.id for one in found.recordings],
        held=[one.id for one in found.recordings if one.id in found.held],
        calls=[one.call_ref for one in found.calls],
        held_calls=[one.call_ref for one in found.calls if one.call_ref in found.held_calls],
        consent_events=summary.consent_events,
        objections=summary.objections,
        links=summary.links,
        gaps=[GapOut(since=gap.since, until=gap.until) for gap in summary.gaps],
        possible=PossibleOut(
            recordings=[one.id for one in found.possible_recordings],
            calls=[one.call_ref for one in found.possible_calls],
        ),
    )
