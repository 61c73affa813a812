"""What an entry of the table of event types decides; each decision is a parameter without a default."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from vault.domain.audit_log.grantors import GrantorName

#: When the object of a closing act may be deleted: once its leaf is anchored; once the recording's tombstone, its
#: manifest, or the account's object, is written too; or never.
Until = Literal["leaf", "tombstone", "manifest", "account_object", "always"]
#: What brings the change back to a database that lost it: its leaf in the published log (``replay.py``), the account's
#: object, of which the leaf says only that it is newer, both, or neither of them.
Replay = Literal["leaf", "setting", "setting_and_leaf", "nothing"]
#: The field of an event that has the id of the closed entity, as its service names it on a retry.
SubjectField = Literal["account_id", "recording_id", "link_id", "session_id", "result", "subject"]


def _always(_result: str | None) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Events of this type are closing acts: changes that survive the loss of the whole database."""

    #: The name of what is stored beside the leaf (``vault/domain/stored/closing_content.py``).
    content: str
    until: Until
    subject: SubjectField
    #: Whether an event with this result is one.
    when: Callable[[str | None], bool] = _always


@dataclass(frozen=True, slots=True)
class ClosesNothing:
    """Events of this type are no closing acts."""

    because: str


class NoSentence(Enum):
    """Why events of a type have no sentence of their own in the history of a recording."""

    #: They are of no single recording.
    OF_NO_RECORDING = auto()
    #: Those of one request for audio are merged into one sentence (``listening.py``).
    MERGED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """What the vault does with the events of one type."""

    closes: Closing | ClosesNothing
    replay: Replay
    #: Whether its cause has a valid key, session, link, signature or role, or is the vault itself. Others
    #: have an allowance in the log (``log_allowance.py``).
    needs_permission: bool
    #: The kind of permission that begins, or becomes wider, with it; None if nobody may do more than before.
    grants: GrantorName | None
    #: For the history of a recording, with the holes ``listener``, ``where``, ``who`` and ``why``, the reason after a
    #: colon (``history.py``).
    sentence: str | NoSentence
