"""What a hand-over writes, and where: the only values of a call that leave for a CRM system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from vault.domain.calls.call import Direction

#: The ids of what a system made, by the adapter's own names: what it needs to change and remove it.
RemoteIds = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Handover:
    """The whole text of a record. It has no repr, since it holds personal data.

    While a recording is restricted, adapters write ``id``, ``address`` and that it is restricted, and nothing else.
    Then, and after an erasure, ``started_at`` is not that of the call, and no later than the creation of the record.
    """

    #: Random; nothing can be learnt from it. The record carries it, so that a probe finds it.
    id: str
    #: The doorway: no secret.
    address: str
    state: Literal["present", "restricted"] = "present"
    #: Name of the agent.
    agent: str | None = None
    #: The system's own id of the agent, as ``agent_of`` read it. None: the integration's default author.
    author: str | None = None
    direction: Direction | None = None
    #: The numbers of the call as they may be shown: E.164, or masked for a channel. None: withheld.
    caller: str | None = None
    callee: str | None = None
    started_at: datetime
    duration: timedelta | None = None
    #: Notes whose authors marked them for the CRM, one after the other.
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NumberForms:
    """The spellings of one number in which systems store it. It has no repr, since it is personal.

    For +33612345678 they are ``33612345678``, ``612345678``, ``0612345678``, ``06 12 34 56 78`` and
    ``+33 6 12 34 56 78``.
    """

    e164: str
    #: Country code and significant digits, without a plus.
    digits: str
    #: The national significant number, without a trunk prefix.
    significant: str
    #: The digits that one dials within the country.
    national: str
    spaced_national: str
    spaced_international: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Candidate:
    """A contact that a search returned. It is not verified: its numbers must be compared in E.164."""

    #: Such as ``contact``, ``lead``, ``account``.
    kind: str
    id: str
    #: As they are written there.
    numbers: Sequence[str]
    #: For the person who decides between several.
    name: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CandidatePage:
    """The hits of one search."""

    candidates: Sequence[Candidate]
    #: There are more hits than the page holds.
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Target:
    """Where a record is written. A system for a channel has an empty one."""

    kind: str = ""
    #: The contact.
    id: str = ""
    #: The open case, ticket or conversation of the contact, as ``parent_of`` read it. None: there is none.
    parent: str | None = None
