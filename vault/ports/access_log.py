"""The access log as a Merkle tree: its head, nodes and leaves, signed checkpoints, and the published size.

The content of the tree never changes, so it may be read in parts in different transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from vault.domain.audit_log.access_event import AccessEvent
from vault.tlog.tree import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An access event with its index in the tree."""

    index: int
    event: AccessEvent
    #: The exact bytes that are hashed in the tree.
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A leaf for export."""

    index: int
    #: None for a leaf without an account.
    account_id: str | None
    leaf: bytes
    #: The hash stored when the leaf was appended, not computed again from its bytes.
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledSession:
    """An ended session whose missing end events are not written yet."""

    session_id: str
    account_id: str
    recording_id: str
    #: The log index to read from: the log's size when the session was opened, or the last ``read_until``.
    log_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """The committed size and root of the tree."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCheckpoint:
    """A signed checkpoint, as published."""

    size: int
    note: bytes
    at: datetime


class Tree(Protocol):
    """The tree over the access events. Only the sequencer appends to it."""

    def head(self) -> TreeHead:
        """Return the last committed head."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete node. Raises Tampered if it is missing."""

    def hashes(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """Return the existing hashes in [start, end) of a stored level: 0, 8, 16."""

    def leaves(self, start: int, end: int) -> Sequence[Leaf]:
        """Return the leaves [start, end) in order. Raises Tampered if one is missing."""

    def completed(self, start: int, end: int) -> Sequence[Node]:
        """Return the stored nodes above level 0 that the leaves [start, end) completed, level by level."""

    def waiting(self) -> int:
        """Return the number of events in the outbox; 0 on SQLite, which sequences at commit."""

    def waiting_since(self) -> datetime | None:
        """Return when the oldest event in the outbox was created, by its node's clock; None if it is empty."""

    def sequence(self, *, limit: int) -> int:
        """Move at most ``limit`` events from the outbox into the tree; return how many were moved.

        On PostgreSQL only one transaction at a time may; another returns 0 immediately. Raises Unavailable if the
        head changed meanwhile, which is only possible without the lock.
        """

    def settle(self) -> None:
        """Move the events of this transaction into the tree with its commit.

        On SQLite every commit does that. On PostgreSQL the sequencer's lock is held until the end, so call this
        last. Raises Unavailable if the lock times out, or if too many other events are in the outbox.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSize:
    """The size of the log published to the object store as tiles."""

    #: Number of leaves.
    size: int
    #: By the clock of the publishing node; None where it is unknown.
    at: datetime | None


class Checkpoints(Protocol):
    """Anchored checkpoints, and the published size of the log."""

    def last(self) -> KeptCheckpoint | None:
        """Return the largest anchored checkpoint: the newest that may be returned to clients."""

    def keep(self, checkpoint: KeptCheckpoint) -> KeptCheckpoint:
        """Store an anchored checkpoint and return it; an existing anchored one of its size stays and is returned.

        One of an older release that was never anchored is replaced.
        """

    def publication(self) -> PublishedSize:
        """Return the published size of the log."""

    def claim_publication(self, *, lease: timedelta) -> int | None:
        """Acquire the publishing lease; return the number of published leaves. None if another node holds it."""

    def put_publication_off(self, *, until: datetime) -> None:
        """Extend the publishing lease until then."""

    def published(self, *, before: int, size: int, at: datetime) -> None:
        """Compare-and-swap the published size from ``before`` to ``size``, and release the lease.

        Raises LeaseLost if the size is not ``before``.
        """
