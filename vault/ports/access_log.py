"""The access log as a tree of leaves: its head, its nodes, its signed checkpoints, and what of it was published.

What is in the tree never changes again, so it may be read piece by piece in different transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from vault.domain.audit_log.access_event import AccessEvent
from vault.tlog.tree import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An access event with its place in the tree."""

    index: int
    event: AccessEvent
    #: The exact bytes whose hash stands in the tree.
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A leaf as it is exported."""

    index: int
    #: None for what belongs to no account.
    account_id: str | None
    leaf: bytes
    #: Stored when the leaf came into the tree, and not made anew from its bytes.
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledSession:
    """A session on which the log has not said its last word."""

    session_id: str
    account_id: str
    recording_id: str
    #: Where in the log to read on: how many events it had at the opening, or what was read since.
    log_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """How far the tree has grown, as it was committed."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCheckpoint:
    """A checkpoint that was signed, as it is published."""

    size: int
    note: bytes
    at: datetime


class Tree(Protocol):
    """The tree over the access events. It grows by the sequencer alone."""

    def head(self) -> TreeHead:
        """Return the head as of the last commit that moved it."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete node. Raises Tampered if it is not there."""

    def hashes(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """Return the hashes [start, end) of a level that is stored: 0, 8, 16. As many as there are."""

    def leaves(self, start: int, end: int) -> Sequence[Leaf]:
        """Return the leaves [start, end), in their order. Raises Tampered if one is missing."""

    def completed(self, start: int, end: int) -> Sequence[Node]:
        """Return the stored nodes above level 0 that the leaves [start, end) completed, level by level."""

    def waiting(self) -> int:
        """Return how many events wait for the sequencer; on SQLite, which sequences with the commit, none."""

    def waiting_since(self) -> datetime | None:
        """Return when the event that waits longest was made, by the clock of its node; None if none waits."""

    def sequence(self, *, limit: int) -> int:
        """Move events that wait into the tree, at most ``limit``, and return how many were moved.

        On PostgreSQL one transaction at a time may, and another gets 0 at once. Raises Unavailable
        if the head was moved meanwhile, which only a node without the lock could see.
        """

    def settle(self) -> None:
        """Bring the events of this very transaction into the tree with its commit.

        On SQLite every commit does. On PostgreSQL the sequencer's lock is held to the end, so this
        comes last. Raises Unavailable if the lock does not come in time, or too many others wait.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSize:
    """How far the log lies in the object store as tiles."""

    #: Leaves.
    size: int
    #: By the clock of the node that published them; None where that is not known.
    at: datetime | None


class Checkpoints(Protocol):
    """Signed checkpoints that are anchored, and how far the log was published to the object store."""

    def last(self) -> KeptCheckpoint | None:
        """Return the largest checkpoint that is anchored: the newest that may be shown."""

    def keep(self, checkpoint: KeptCheckpoint) -> KeptCheckpoint:
        """Keep a checkpoint that is anchored by now and return it; an anchored one of its size stays, and is returned.

        One that an older release signed and nobody anchored gives way.
        """

    def publication(self) -> PublishedSize:
        """Return how far the log was published."""

    def claim_publication(self, *, lease: timedelta) -> int | None:
        """Take the work of publishing for ``lease``; return how many leaves are published. None if it is taken."""

    def put_publication_off(self, *, until: datetime) -> None:
        """Hold on to the work until then."""

    def published(self, *, before: int, size: int, at: datetime) -> None:
        """Note that ``size`` leaves lie in the object store, and give the work back.

        Raises LeaseLost if it is no longer ``before``.
        """
