"""Who was told of the recording, what they answered, and what an account does about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from vault.domain.rules.rules import RuleOverride

Party = Literal["caller", "callee", "agent"]
Answer = Literal["announced", "accepted", "declined", "withdrawn"]
Method = Literal["announcement", "key", "speech", "form", "tone"]
#: How consent is asked for, from the mildest to the strictest.
Mode = Literal["none", "tone", "announce", "opt_out_key", "opt_in_key"]
MODES: tuple[Mode, ...] = ("none", "tone", "announce", "opt_out_key", "opt_in_key")
#: What becomes of a recording whose evidence is missing.
MissingEvidence = Literal["quarantine", "refuse", "accept"]
#: What becomes of a recording whose party withdrew after the call.
Withdrawal = Literal["restrict", "erase"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeVersion:
    """Exactly what was announced: anyone who has the text and the audio can check the digests."""

    id: str
    version: int
    language: str
    #: SHA-256 in hexadecimal; None for the audio where the text was spoken by the platform.
    text_sha256: str
    audio_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """One party was told, or answered."""

    id: str
    party: Party
    answer: Answer
    method: Method
    at: datetime
    #: When the vault heard of it.
    heard_at: datetime
    notice: NoticeVersion | None = None
    #: Where the prompt begins in the recording, and how long it is; None where nobody said.
    offset: timedelta | None = None
    length: timedelta | None = None
    #: Who told the vault: an API key's id, or a connection's.
    told_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Which key says what, where parties are asked for one."""

    accept: str = "1"
    decline: str = "9"
    #: Declines, and puts the number on the list of those that are never recorded. None: no such key.
    object: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPolicy:
    """What an account has decided about consent. Every change is a new version, and all are kept."""

    version: int = 0
    missing_evidence: MissingEvidence = "quarantine"
    #: Why missing evidence is accepted; demanded for that choice.
    reason: str | None = None
    withdrawal: Withdrawal = "restrict"
    #: At least this is asked, also where no law asks for it.
    mode: Mode = "none"
    #: Where the account's own side is, if neither the platform nor a number tells.
    home_place: str | None = None
    #: How long a recording waits in quarantine before it is refused.
    quarantine_days: int = 30
    keys: Keys = Keys()
    overrides: tuple[RuleOverride, ...] = ()
    changed_at: datetime | None = None
    changed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A time in which a number must not be recorded, as caller or as callee."""

    since: datetime
    #: None while it stands.
    until: datetime | None
    reason: str | None
    #: Who entered it, and who took it back: an API key's id, or ``key_press``.
    by: str
    ended_by: str | None = None
