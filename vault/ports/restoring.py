"""What a transaction offers to write accounts to the object store, and to make a database whole from there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vault.domain.accounts.account import SwitchChange
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording
from vault.domain.stored.account_object import AccountObject, KeptPrompt
from vault.domain.stored.manifest import Manifest
from vault.ports.access_log import KeptCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """How far an account has changed, and how far that was written."""

    now: int
    written: int


class Tombstones(Protocol):
    """Recordings that are refused, failed or erased, as they are written to the object store."""

    def due(self, limit: int) -> Sequence[Recording]:
        """Return recordings of one account whose tombstone was not written in the state that they are in."""

    def written(self, tombstones: Sequence[Recording]) -> None:
        """Note that they are in the object store; one that moved on meanwhile stays due."""


class AccountObjects(Protocol):
    """Accounts as they are written to the object store."""

    def due(self, limit: int, *, but: Sequence[str] = ()) -> Sequence[str]:
        """Return ids of accounts that changed since their object was written, but for those named."""

    def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return ids of all accounts in their order, those after ``after``."""

    def read(self, account_id: str) -> AccountObject:
        """Return everything that is written of an account. Raises NotFound."""

    def waiting(self, account_id: str) -> frozenset[int]:
        """Return the places in the queue of the account's events that are not in the tree yet."""

    def prompt(self, notice_id: str) -> KeptPrompt | None:
        """Return the sealed audio of a notice."""

    def written(self, account_id: str, revision: int) -> None:
        """Note that this revision is in the object store."""

    def revisions(self, account_id: str) -> Revisions | None:
        """Return the revisions of an account; None if there is no such account."""


class StoreContents(Protocol):
    """What the database knows to lie in the object store, and everything that is to be written there again."""

    def published_size(self) -> int:
        """Return how many leaves of the log lie in published tiles."""

    def published_checkpoints(self, *, above: int, limit: int) -> Sequence[KeptCheckpoint]:
        """Return checkpoints that were published under their size, those larger than ``above``, smallest first."""

    def rewrite_log_and_accounts(self, *, published: int) -> None:
        """Let the log be published again from a size on, and every account and closing act be written again."""

    def rewrite_recordings(self, *, after: str, limit: int) -> str | None:
        """Let manifests and tombstones be written again, of ``limit`` recordings by id.

        Returns the last of these ids, None if there was none.
        """

    def count_due(self) -> int:
        """Return how many manifests, tombstones and objects of accounts are to be written, at most 10,000 of each."""


class Inventory(Protocol):
    """What there is, for whoever compares it with the object store."""

    def count_available(self) -> int:
        """Return how many recordings are available."""

    def available(self, *, after: str, limit: int) -> Sequence[Recording]:
        """Return available recordings of every account by id, those after ``after``."""

    def manifest_due(self, recording_id: str) -> bool:
        """Return whether a recording's manifest, or its tombstone, is still to be written."""


class Restored(Protocol):
    """Rows as the object store has them. Everything may be written again and changes nothing then."""

    def account(
        self, known: AccountObject, prompts: dict[str, KeptPrompt], *, keep_keys: bool = False
    ) -> Sequence[str]:
        """Insert an account or bring it to this state, its keys too, all but its switch.

        With ``keep_keys`` all versions of its key stay as they are, and those of the object are added. Otherwise
        they become those of the object. Its object comes due, under a revision above both. Returns words for
        what has no place beside its own: a version whose number another key has. Raises Refused where another
        account has its name.
        """

    def lost_account(
        self,
        known: AccountObject,
        prompts: dict[str, KeptPrompt],
        *,
        but: Collection[str],
        policies: bool,
    ) -> Sequence[str]:
        """Add to an account what it lacks of this state, which is that of a lost time; its own rows stay.

        Left out are the ids in ``but``, and policies unless ``policies``. Its object comes due, under a revision
        above both. Returns words for what has no place beside its own, such as a connection under a name that is
        taken.
        """

    def refuse_stale(self, reason: Reason) -> int:
        """Refuse what is on its way under an epoch of its account's switch that is over; return how many."""

    def carry_epoch(self, account_id: str, epoch: int, *, since: datetime) -> None:
        """Let what is on its way and was received since then belong to this epoch."""

    def ask_providers(self, since: datetime) -> int:
        """Let every provider's list be compared now, from then on; return how many there are."""

    def switch(self, account_id: str, history: Sequence[SwitchChange]) -> bool:
        """Set the history of the switch, and the switch to its end; say whether it went off meanwhile."""

    def recording(self, manifest: Manifest, *, keep: bool = False) -> bool:
        """Insert an available recording, or bring its row to what its manifest says.

        With ``keep`` a row that is available stays as it is, and its manifest comes due.
        False for a row that is refused, failed or erased, or whose name in its source another one has.
        """

    def tombstone(self, recording: Recording, *, due: bool = False) -> bool:
        """Insert a recording that is refused, failed or erased, or shred the row that it finds.

        ``due`` says that no tombstone of it lies in the object store, so one is written.
        False if another recording has its name in its source.
        """

    def fail_closed(self, account_id: str) -> int:
        """Fail rows on their way that a version of the account's key sealed which is gone; return how many."""

    def refuse(self, recording_id: str, code: str) -> None:
        """Refuse a row that has not passed the gate, and shred it."""

    def key_destroyed(self, account_id: str, version: int) -> bool:
        """Delete a version of an account's key, and what it alone opens; False where there is none after it."""

    def set_back(self, size: int, *, limit: int) -> bool:
        """Take at most ``limit`` leaves from the end of the tree; say whether it has ``size`` leaves now.

        Their events wait, in their order and before all others, to be appended again. Checkpoints beyond the
        size go, and what was published or read beyond it counts as not.
        """

    def leaves(self, start: int, leaves: Sequence[bytes]) -> None:
        """Put leaves of the anchored log at their places, from ``start`` on; others that stand there wait.

        One that waits already keeps what was sealed beside it. Raises Tampered if the tree ends before ``start``.
        """

    def waiting(self, after: int | None, *, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return places and leaves of events that wait for the tree, those behind the place ``after``."""

    def take_waiting(self, *, limit: int) -> int:
        """Append at most ``limit`` events that wait to the tree; return how many, 0 once none waits."""

    def published(self, checkpoint: KeptCheckpoint, *, tiles: int, at: datetime) -> None:
        """Keep a checkpoint that lies in the object store, and go on publishing from ``tiles``, its published leaves.

        It is not taken for anchored: that the next anchor says, which this vault writes itself.
        """
