"""A request of a person about the data that an account holds of them, and the states that it passes.

The vault is a processor: the account verifies who asks, and the vault records that it did, by which method and whose
key. It stores no document of a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, get_args

from vault.domain.field_types import FromOne, Later
from vault.errors import Invalid
from vault.sentence import Sentence

#: GDPR articles 15, 20, 17, 18, 21 and 16; and directives for the time after death (France, LIL article 85).
PersonKind = Literal[
    "access", "portability", "erasure", "restriction", "objection", "rectification", "post_mortem"
]
#: And the closure of the whole account, which the account itself asks for.
Kind = PersonKind | Literal["closure"]
KINDS: Final[tuple[PersonKind, ...]] = get_args(PersonKind)
#: The law whose deadlines apply; ``none`` for a request that has none.
Regime = Literal["gdpr", "uk", "ccpa", "none"]
IdentityType = Literal["number", "agent"]
#: How the account verified the person. The closed set keeps words about a person out of it.
VerificationMethod = Literal["known_contact", "callback", "login", "document_seen", "representative", "other"]
PauseReason = Literal["clarification", "identity", "fee"]
#: How long a closed request keeps its content: above the two years of the CCPA regulations, § 7101.
RETENTION: Final = timedelta(days=3 * 365 + 1)
#: Kinds that mean nothing without the person's own words.
_NEEDS_WISH: Final[frozenset[Kind]] = frozenset({"rectification", "post_mortem"})
#: The closure of an account is a request. In place of a person's reference.
CLOSURE_REFERENCE: Final = "closure"
#: In its ``channel``: an export is wanted. In the ruling's reason: it is made.
CLOSURE_EXPORT: Final = "export"


class RequestState(StrEnum):
    """The state of a request."""

    AWAITING_IDENTITY = "awaiting_identity"
    REVIEW = "review"
    EXECUTING = "executing"
    FULFILLED = "fulfilled"
    PARTLY_FULFILLED = "partly_fulfilled"
    #: Closed: granted, and all of it is erased when no hold covers it any more. It is FULFILLED then.
    WAITS_FOR_HOLD = "waits_for_hold"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"


#: The transitions, by the state that they leave. A state without any is final.
TRANSITIONS: Final[Mapping[RequestState, frozenset[RequestState]]] = {
    RequestState.AWAITING_IDENTITY: frozenset(
        {RequestState.REVIEW, RequestState.EXECUTING, RequestState.WITHDRAWN}
    ),
    RequestState.REVIEW: frozenset({RequestState.EXECUTING, RequestState.WITHDRAWN}),
    RequestState.EXECUTING: frozenset(
        {
            RequestState.FULFILLED,
            RequestState.PARTLY_FULFILLED,
            RequestState.WAITS_FOR_HOLD,
            RequestState.DENIED,
        }
    ),
}
#: States of a closure that has begun: recording stays off, and nothing more is stored.
BEGUN: Final = (RequestState.EXECUTING, RequestState.FULFILLED)
#: States in which the account still owes an answer.
OPEN: Final = tuple(TRANSITIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identity of the person: a telephone number as it was written, or the name of an agent."""

    type: IdentityType
    value: str
    #: The country whose numbering plan a national spelling follows, such as ``FR``.
    region: str | None = None
    #: The number in E.164; None for an agent.
    number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The time in which the calls took place, [since, until). None means that this side is open."""

    since: datetime | None = None
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Return whether the period contains the moment."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The account's statement that it knows who asks."""

    method: VerificationMethod
    at: datetime
    #: The API key that reported it.
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which the account waited for the person."""

    reason: PauseReason
    since: datetime
    #: None while it lasts.
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A later deadline, and when the person was informed."""

    until: datetime
    reason: str
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision on one recording or call, or the default for all without a verdict of their own."""

    code: str
    #: The provision that obliges the account to keep it, such as ``MiFID II art. 16(7)``.
    statute: str | None = None
    #: Until when it is kept, where that is known.
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Data for the receipt of an erased recording, read before the erasure deletes it."""

    #: SHA-256 of the header of the encrypted audio, in hexadecimal; None where nothing was stored.
    header_sha256: str | None
    #: Versions and delete markers of its objects in the object store.
    versions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Informed:
    """A recipient whom the account informed of its decision (GDPR art. 19)."""

    #: Its id in the register of recipients.
    recipient: str
    #: Its name at that time: the person may ask who it was.
    name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """The package of an answer, all of whose parts are made."""

    #: When the last one was made, by the clock that packages expire by.
    at: datetime
    parts: FromOne


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The decision on a request: a default, and verdicts of their own for some recordings and calls."""

    default: Verdict
    #: By id of the recording, or by ``call_ref`` of a call without recordings.
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    #: The ids of the recordings, and the refs of the calls without recordings, that the search had found.
    recordings: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    #: By id, of the recordings to erase.
    traces: Mapping[str, Trace] = field(default_factory=dict)
    reason: str | None = None
    informed: Later[tuple[Informed, ...]] = ()
    #: None until all parts of the package are made, where one is wanted.
    packaged: Later[Packaged | None] = None
    #: Recordings of which the package has one channel, in which the other party is heard faintly.
    echoes: Later[tuple[str, ...]] = ()
    at: datetime
    by: str

    def verdict_on(self, name: str) -> Verdict:
        """Return the verdict on a recording or a call."""
        return self.verdicts.get(name, self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """The part of a request that is sealed: who asked, what for, and how it was handled."""

    #: The caller's own reference, which makes a repeated POST harmless.
    reference: str
    identities: tuple[Identity, ...]
    channel: str | None = None
    period: Period | None = None
    wish: str | None = None
    verification: Verification | None = None
    pauses: tuple[Pause, ...] = ()
    extension: Extension | None = None
    ruling: Ruling | None = None

    @property
    def waiting(self) -> Pause | None:
        """Return the pause that lasts; None while the account does not wait for the person."""
        last = self.pauses[-1] if self.pauses else None
        return last if last is not None and self.end_of(last) is None else None

    def end_of(self, pause: Pause) -> datetime | None:
        """Return when a pause ended, None while it lasts. One for the person's identity ends with the verification."""
        if pause.reason != "identity" or self.verification is None:
            return pause.until
        verified = max(pause.since, self.verification.at)
        return verified if pause.until is None else min(pause.until, verified)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return the person's numbers in E.164, without duplicates."""
        return tuple(dict.fromkeys(one.number for one in self.identities if one.number is not None))

    @property
    def agents(self) -> tuple[str, ...]:
        """Return the names under which the person worked as an agent."""
        return tuple(dict.fromkeys(one.value for one in self.identities if one.type == "agent"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request."""

    id: str
    account_id: str
    kind: Kind
    regime: Regime
    state: RequestState
    received_at: datetime
    created_at: datetime
    #: The deadline; None where the regime has none.
    due_at: datetime | None
    closed_at: datetime | None
    #: An earlier request of the same kind for the same person.
    repeat_of: str | None
    #: Counts changes; a change is a compare-and-swap on it.
    revision: int
    #: None once the retention of the request itself has ended.
    personal: PersonalData | None = field(repr=False)


def check_wish(kind: Kind, personal: PersonalData) -> None:
    """Raise Invalid without the person's words where the request means nothing without them."""
    if kind in _NEEDS_WISH and personal.wish is None:
        text = Sentence("wish must have the person's words: a %(name)s is about them.", name=kind)
        raise Invalid(text, field="wish")
