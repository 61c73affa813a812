"""Stores in a transaction for writing accounts to the object store and for restoring a database from it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vault.domain.accounts.account import SwitchChange
from vault.domain.recordings.recording import Recording
from vault.domain.stored.account_object import AccountObject, StoredPrompt
from vault.ports.access_log import KeptCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """An account's current revision, and its revision in the object store."""

    now: int
    written: int


class Tombstones(Protocol):
    """Tombstones of refused, failed and erased recordings, for the object store."""

    def due(self, limit: int) -> Sequence[Recording]:
        """Return recordings of one account without a written tombstone for their current state."""

    def written(self, tombstones: Sequence[Recording]) -> None:
        """Mark them as stored; one whose state changed meanwhile stays due."""


class AccountObjects(Protocol):
    """Accounts' objects, for the object store."""

    def due(self, limit: int, *, but: Sequence[str] = ()) -> Sequence[str]:
        """Return ids of accounts that changed since their object was written, except those in ``but``."""

    def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return ids of all accounts in order, starting after ``after``."""

    def read(self, account_id: str) -> AccountObject:
        """Return the content of an account's object. Raises NotFound."""

    def waiting(self, account_id: str) -> frozenset[int]:
        """Return the outbox positions of the account's events that are not in the tree yet."""

    def prompt(self, notice_id: str) -> StoredPrompt | None:
        """Return the sealed audio of a notice."""

    def written(self, account_id: str, revision: int) -> None:
        """Mark this revision as stored."""

    def revisions(self, account_id: str) -> Revisions | None:
        """Return the revisions of an account; None if there is no such account."""


class StoreContents(Protocol):
    """The content of the object store according to the database, and the marks for writing it again."""

    def published_size(self) -> int:
        """Return the number of leaves in published tiles."""

    def published_checkpoints(self, *, above: int, limit: int) -> Sequence[KeptCheckpoint]:
        """Return checkpoints published under their size, only those larger than ``above``, smallest first."""

    def rewrite_log_and_accounts(self, *, published: int) -> None:
        """Mark the log as published only up to ``published``, and every account and closing act as due."""

    def rewrite_recordings(self, *, after: str, limit: int) -> str | None:
        """Mark the manifests and tombstones of the next ``limit`` recordings by id as due.

        Returns the last of these ids, None if there were no more.
        """

    def count_due(self) -> int:
        """Return the number of due manifests, tombstones and account objects, counting at most 10,000 of each."""


class Inventory(Protocol):
    """The recordings to compare with the object store."""

    def count_available(self) -> int:
        """Return the number of available recordings."""

    def available(self, *, after: str, limit: int) -> Sequence[Recording]:
        """Return available recordings of every account by id, starting after ``after``."""

    def manifest_due(self, recording_id: str) -> bool:
        """Return whether a recording's manifest or tombstone is due."""


class Restored(Protocol):
    """Restores rows from the object store. All methods are idempotent."""

    def account(
        self, known: AccountObject, prompts: dict[str, StoredPrompt], *, keep_keys: bool = False
    ) -> Sequence[str]:
        """Insert an account, or replace its state including its keys, but without its switch.

        With ``keep_keys`` all existing versions of its key stay, and those of the object are added; otherwise they
        are replaced by those of the object. Its object becomes due, under a revision above both. Returns messages
        about conflicts: a version whose number another key has. Raises Refused if another account has its name.
        """

    def lost_account(
        self,
        known: AccountObject,
        prompts: dict[str, StoredPrompt],
        *,
        but: Collection[str],
        policies: bool,
    ) -> Sequence[str]:
        """Add to an account the missing rows of this state, from a lost history; its own rows stay.

        Ids in ``but`` are skipped, and so are policies unless ``policies``. Its object becomes due, under a revision
        above both. Returns messages about conflicts, such as a connection whose name is taken.
        """

    def carry_epoch(self, account_id: str, epoch: int, *, since: datetime) -> None:
        """Set this epoch on recordings in flight that were received since then."""

    def make_reconciliation_due(self, since: datetime) -> int:
        """Schedule a reconciliation of every connection with its provider's list, from then on; return how many."""

    def switch(self, account_id: str, history: Sequence[SwitchChange]) -> bool:
        """Set the switch's history and its state after it; return whether it was turned off meanwhile."""

    def key_destroyed(self, account_id: str, version: int) -> bool:
        """Delete an account key version and the rows that only it decrypts; False if it has no later version."""

    def set_back(self, size: int, *, limit: int) -> bool:
        """Remove at most ``limit`` leaves from the end of the tree; return whether it has ``size`` leaves now.

        Their events return to the outbox, in order and before all others. Checkpoints beyond the size are deleted,
        and leaves beyond it count as not published and not read.
        """

    def leaves(self, start: int, leaves: Sequence[bytes]) -> None:
        """Set leaves of the anchored log at their indexes, from ``start``; other leaves there return to the outbox.

        One already in the outbox keeps its sealed detail. Raises Tampered if the tree ends before ``start``.
        """

    def waiting(self, after: int | None, *, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return positions and leaves of events in the outbox, starting after the position ``after``."""

    def take_waiting(self, *, limit: int) -> int:
        """Append at most ``limit`` events of the outbox to the tree; return how many, 0 once it is empty."""

    def published(self, checkpoint: KeptCheckpoint, *, tiles: int, at: datetime) -> None:
        """Store a checkpoint from the object store, and continue publishing after ``tiles``, its published leaves.

        It does not count as anchored: the vault writes its own next anchor.
        """
