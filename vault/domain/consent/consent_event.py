"""Notices to parties and their answers, an account's consent policy, and objections."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from vault.domain.accounts.account import Scope
from vault.domain.field_types import Later
from vault.domain.legal_rules.rule import RuleOverride

Party = Literal["caller", "callee", "agent"]
PARTIES: tuple[Party, ...] = ("caller", "callee", "agent")
Answer = Literal["announced", "accepted", "declined", "withdrawn"]
#: The answers that forbid a recording.
NO: frozenset[Answer] = frozenset({"declined", "withdrawn"})
Method = Literal["announcement", "key", "speech", "form", "tone"]
#: How consent is requested, from the mildest to the strictest.
Mode = Literal["none", "tone", "announce", "opt_out_key", "opt_in_key"]
MODES: tuple[Mode, ...] = ("none", "tone", "announce", "opt_out_key", "opt_in_key")
#: Those that ask for a key press.
KEY_MODES: frozenset[Mode] = frozenset({"opt_out_key", "opt_in_key"})
#: How a recording without the required evidence is handled.
MissingEvidence = Literal["quarantine", "refuse", "accept"]
#: How a recording is handled after a party withdrew its consent.
Withdrawal = Literal["restrict", "erase"]
#: Methods by which a party agrees: hearing a notice is no consent.
ACTIVE = frozenset({"key", "speech", "form"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeVersion:
    """The exact version of a played notice; its digests can be checked against the text and the audio."""

    id: str
    version: int
    language: str
    #: SHA-256 in hexadecimal; the audio's is None where the platform spoke the text.
    text_sha256: str
    audio_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """A notice to one party, or an answer of one party."""

    id: str
    party: Party
    answer: Answer
    method: Method
    at: datetime
    #: When the vault received the report.
    heard_at: datetime
    notice: NoticeVersion | None = None
    #: Start of the prompt in the recording, and its duration; None where they were not reported.
    offset: timedelta | None = None
    length: timedelta | None = None
    #: The reporter: the id of an API key or a connection.
    told_by: str
    #: The party objects to every recording of its number, too. Where the direction of the call is not known yet, that
    #: waits for it: one of the two numbers is the account's own.
    objects: Later[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The telephone keys for each answer."""

    accept: str = "1"
    decline: str = "9"
    #: Declines, and enters an objection for the number. None: no such key.
    object: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPolicy:
    """An account's settings for consent. Every change is a new version, and all versions are stored."""

    version: int = 0
    missing_evidence: MissingEvidence = "quarantine"
    #: Why missing evidence is accepted; required for ``accept``.
    reason: str | None = None
    withdrawal: Withdrawal = "restrict"
    #: The minimum mode, also where the law requires less.
    mode: Mode = "none"
    #: The place of the account's own side, used if neither the platform nor a number determines it.
    home_place: str | None = None
    #: Days in quarantine before a recording is refused.
    quarantine_days: int = 30
    keys: Keys = Keys()
    overrides: tuple[RuleOverride, ...] = ()
    changed_at: datetime | None = None
    changed_by: str | None = None


def scopes_given(before: ConsentPolicy, after: ConsentPolicy) -> tuple[Scope, ...]:
    """Return the scopes of what whoever reports consent can do by a change of policy, and could not: erase."""
    return ("privacy:write",) if after.withdrawal == "erase" != before.withdrawal else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A period in which a number must not be recorded, neither as caller nor as callee."""

    since: datetime
    #: None while it is active.
    until: datetime | None
    reason: str | None
    #: Who entered it and, below, who ended it: an API key's id, or ``key_press``.
    by: str
    ended_by: str | None = None


def parties_against(events: Sequence[ConsentEvent]) -> tuple[Party, ...]:
    """Return the parties whose last word is a no, by events in the order in which the vault received them.

    A new consent is of the same party, was received after the no, and was given after it: a consent of before that
    arrives late takes nothing back. It counts for what was recorded; the call's other recordings stay refused.
    """
    since: dict[Party, datetime] = {}
    for event in events:
        # A no may be dated in the future, by a clock that is off; it was given before it was received.
        given = min(event.at, event.heard_at)
        if event.answer in NO:
            since[event.party] = max(given, since.get(event.party, given))
        elif event.answer == "accepted" and event.method in ACTIVE and given > since.get(event.party, given):
            del since[event.party]
    return tuple(sorted(since))
