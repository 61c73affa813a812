"""What the reply of a CRM system means for a hand-over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Residue(StrEnum):
    """What a system keeps of a record after it was changed or removed. A value never changes."""

    #: An editor of the system can read the former text.
    EDIT_HISTORY = "edit_history"
    #: It can be restored from the recycle bin for a time.
    RECYCLE_BIN = "recycle_bin"
    #: The system has no removal: an empty record stays.
    EMPTY_RECORD = "empty_record"
    #: The organisation's export for compliance keeps the former text, or forbids the removal.
    COMPLIANCE_EXPORT = "compliance_export"
    #: The record is part of a ticket that is not the vault's: the ticket, with its subject, stays.
    FOREIGN_TICKET = "foreign_ticket"
    #: What other automations made of it is out of reach.
    FURTHER_COPIES = "further_copies"
    #: It confirmed that it was told to remove it, and nothing can be looked at.
    TOLD = "told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """It is done. For ``find`` and ``probe``: the answer can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing was done, and a later attempt can succeed. It holds for every request of the integration."""

    #: How long the system asks to wait, within a second and six hours. None: it does not say.
    asked: timedelta | None = None
    #: The budget of a day is spent: wait until it begins again, and keep what is left for removals.
    is_daily: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthorized:
    """The token has expired or is revoked. Refresh once; after a second one a person must authorize again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The token is valid and does not suffice: a person must authorize with more scopes, or buy another plan."""

    #: The system's own code, lower case, digits and underscores.
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The system refuses this record for good: a person must decide. Repeating it does not help."""

    #: The system's own code, lower case, digits and underscores.
    code: str
    #: The system's name of the wrong field; never its value.
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What the request names does not exist. A success of a removal; a creation needs another target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What the request names was merged into another. Store the ids, and send the act again from its first request."""

    #: Replacements of remote ids; ``contact`` or ``parent`` where it is the target that moved.
    ids: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The system refuses to remove it, for good. It is noted, and not tried again."""

    residue: Residue


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """It may have been done. Probe before anything is sent again."""


Verdict = Accepted | Wait | Unauthorized | Denied | Refused | Gone | Moved | Kept | Unclear
