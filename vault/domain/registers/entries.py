"""The entries of an account's registers: what only people know. Everything else is generated from live settings.

Sources of the fields: GDPR art. 13 and 30, EDPB Opinion 22/2024 (identity of all processors in the chain), and
element P11a of Ranking Digital Rights for requests of authorities.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Generic, Literal, Self, TypeVar

from vault.domain.field_types import FromOne

Register = Literal["processing_record", "recipient", "authority_request"]
#: GDPR art. 6(1), letters (a) to (f).
LegalBasis = Literal[
    "consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"
]
RecipientRole = Literal["processor", "sub_processor", "joint_controller", "controller"]
#: The ground of a transfer to a third country, GDPR art. 45 to 49.
Safeguard = Literal["adequacy", "standard_clauses", "binding_rules", "certification", "derogation"]
ContractStatus = Literal["none", "draft", "signed", "ended"]
AuthorityRequestKind = Literal[
    "order", "warrant", "subpoena", "emergency", "preservation", "mutual_legal_assistance", "informal"
]
#: Recordings that exist, or calls from now on.
AuthorityAccess = Literal["stored", "live"]
AuthorityScope = Literal["content", "metadata", "both"]
AuthorityDecision = Literal["complied", "partly", "refused", "narrowed", "nothing_found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """An organization or person with the means to reach them."""

    name: str
    address: str = ""
    #: A contact person, e-mail address or telephone number.
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why calls are recorded, and on which legal basis."""

    purpose: str
    legal_basis: LegalBasis
    #: The legitimate interests, the statute or the contract, in words.
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingProfile:
    """The part of the record of processing that no setting says."""

    controller: Contact | None = None
    joint_controllers: tuple[Contact, ...] = ()
    representative: Contact | None = None
    #: The data protection officer.
    officer: Contact | None = None
    #: Who operates this vault, where it is not the controller.
    processor: Contact | None = None
    purposes: tuple[Purpose, ...] = ()
    #: Categories of data subjects, such as ``callers``.
    persons: tuple[str, ...] = ()
    #: Categories of personal data, such as ``voice``.
    data: tuple[str, ...] = ()
    #: Technical and organizational measures outside the vault.
    measures: tuple[str, ...] = ()
    #: Where people send their requests.
    requests_to: str = ""
    #: The supervisory authority that takes complaints.
    authority: str = ""
    #: Whether the privacy page for callers is public.
    published: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The contract with a recipient."""

    status: ContractStatus = "none"
    signed_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody who receives recordings or processes them for the account."""

    name: str
    address: str
    #: A contact person.
    contact: str
    role: RecipientRole
    #: What they receive the data for.
    purpose: str
    #: ISO 3166-1 alpha-2.
    country: str
    safeguard: Safeguard | None = None
    contract: Contract = field(default_factory=Contract)
    #: The recipient that engages this one; None where the account does.
    parent: str | None = None
    since: date
    #: The last day; None while they are a recipient.
    until: date | None = None
    #: The last day on which the controller may object to a new sub-processor.
    objection_until: date | None = None
    #: Parts of the vault that they run: ``object_store``, ``root_key``, ``database``, or ``connection/<name>``.
    covers: tuple[str, ...] = ()
    #: Whether the privacy page names them.
    public: bool = True

    def is_in_force(self, day: date) -> bool:
        """Return whether they are a recipient on this day."""
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityRequest:
    """A request of an authority for recordings or facts of calls, and what was done about it."""

    received_at: datetime
    authority: str
    #: ISO 3166-1 alpha-2.
    country: str
    kind: AuthorityRequestKind
    #: The document, such as its reference.
    instrument: str = ""
    statute: str = ""
    access: AuthorityAccess
    scope: AuthorityScope
    #: Telephone numbers it names.
    numbers: tuple[str, ...] = ()
    #: The persons or accounts affected, as a count.
    affected: int | None = None
    period_from: datetime | None = None
    period_to: datetime | None = None
    due_at: datetime | None = None
    #: Until then it is secret.
    secret_until: datetime | None = None
    reviewer: str = ""
    decision: AuthorityDecision | None = None
    decided_at: datetime | None = None
    #: Ids of the recordings that were given, and leaf indices of the access events that show it.
    recordings: tuple[str, ...] = ()
    leaves: tuple[int, ...] = ()
    #: How they were given.
    handover: str = ""
    #: When the person was told, or why not.
    told_at: datetime | None = None
    not_told_reason: str = ""
    #: The hold that a request for preservation placed.
    hold: str | None = None
    #: The holds that later changes of it placed; None: none.
    further_holds: tuple[str, ...] | None = None

    @property
    def holds(self) -> tuple[str, ...]:
        """Return all its holds, the oldest first, those that were released since included."""
        return (() if self.hold is None else (self.hold,)) + (self.further_holds or ())

    def with_hold(self, hold_id: str) -> Self:
        """Return it with one more hold."""
        if self.hold is None:
            return replace(self, hold=hold_id)
        return replace(self, further_holds=(*(self.further_holds or ()), hold_id))


T = TypeVar("T", ProcessingProfile, Recipient, AuthorityRequest)
#: The content of each register's entries.
ENTRY_TYPES: dict[Register, type[ProcessingProfile] | type[Recipient] | type[AuthorityRequest]] = {
    "processing_record": ProcessingProfile,
    "recipient": Recipient,
    "authority_request": AuthorityRequest,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEntry:
    """An entry as in its row: the content is sealed under the account key."""

    id: str
    account_id: str
    register: Register
    #: From 1; incremented by each change.
    revision: FromOne
    sealed_entry: bytes = field(repr=False)
    key_version: FromOne
    created_at: datetime
    changed_at: datetime
    #: The API key's id of the last change.
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[T]):
    """An entry with its opened content."""

    id: str
    revision: int
    created_at: datetime
    changed_at: datetime
    changed_by: str
    content: T
