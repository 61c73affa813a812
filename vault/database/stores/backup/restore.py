"""Restore rows from the object store: accounts and recordings of a vault whose database is lost or old.

Every write is idempotent, so an interrupted restore can be started again.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import case, delete, insert, select, update

from vault.database.account_object import AccountObject, add_lost_parts, replace_parts
from vault.database.account_parts.keys import KEYS, delete_sealed
from vault.database.account_parts.part import StoredPrompt, Target, account_changed, row_of
from vault.database.account_parts.requests import complete_requests, restore_requests
from vault.database.account_parts.switch import SWITCH
from vault.database.schema.access_log import checkpoints, publication
from vault.database.schema.account_keys import account_keys
from vault.database.schema.core import accounts, connections, recordings, switch_changes
from vault.database.sql.dialect import database_now, insert_for
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.stores.audit_log.closing_acts import ClosingActRows
from vault.database.stores.backup.restore_leaves import put_leaves, set_back, take_waiting, waiting_leaves
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import SwitchChange
from vault.domain.recordings.recording import IN_FLIGHT
from vault.domain.stored.request_rows import StoredRequest
from vault.errors import Refused


class RestoreRows(Rows):
    """Restores rows from the object store. All methods are idempotent."""

    def account(
        self, account_object: AccountObject, prompts: Mapping[str, StoredPrompt], *, keep_keys: bool = False
    ) -> Sequence[str]:
        """Insert an account, or replace its state including its keys, but without its switch.

        With ``keep_keys`` all existing versions of its key stay, and those of the object are added; otherwise they
        are replaced by those of the object. Its object becomes due, under a revision above both. Returns messages
        about conflicts: a version whose number another key has. Raises Refused if another account has its name.
        """
        account = account_object.account
        other = select(accounts.c.id).where(accounts.c.ref == account.ref, accounts.c.id != account.id)
        if self._db.execute(other).first() is not None:
            raise Refused("Another account has this name.", reasons=("name_taken",))
        stored = select(accounts.c.revision).where(accounts.c.id == account.id)
        revision = self._db.execute(stored).scalar()
        keys = account_object[KEYS]
        row = row_of(account) | {
            "wrapped_index_key": keys.wrapped_index_key, "index_key_version": keys.index_key_version,
            "revision": max(revision or 0, account_object.revision) + 1, "written_revision": account_object.revision,
        }  # fmt: skip
        if account.region is None:
            # An object from before it was set: the row keeps its own.
            del row["region"]
        if revision is None:
            self._db.execute(insert(accounts).values(**row, **row_of(account_object[SWITCH])))
        else:
            self._db.execute(update(accounts).where(accounts.c.id == account.id).values(row))
        target = Target(db=self._db, account_id=account.id, keys=keys.versions, prompts=prompts)
        return replace_parts(account_object, target, keep_keys=keep_keys)

    def complete_requests(self, account_id: str) -> frozenset[str]:
        """Return the ids of the closed requests of an account that need no restore."""
        return complete_requests(self._db, account_id)

    def requests(
        self, account_id: str, stored: Sequence[StoredRequest], under: Mapping[str, int] | None = None
    ) -> None:
        """Insert requests that the account lacks, or has in an older revision.

        ``under``: of those that come from an object of their own, the oldest key version in it, by id.
        """
        versions = select(account_keys.c.version).where(account_keys.c.account_id == account_id)
        usable = set(self._db.execute(versions).scalars())
        restore_requests(self._db, account_id, stored, usable, under=under)
        account_changed(self._db, account_id)

    def lost_account(
        self,
        account_object: AccountObject,
        prompts: Mapping[str, StoredPrompt],
        *,
        but: Collection[str],
        policies: bool,
    ) -> Sequence[str]:
        """Add to an account the missing rows of this state, from a lost history; its own rows stay.

        Ids in ``but`` are skipped, and so are policies unless ``policies``. Its object becomes due, under a revision
        above both. Returns messages about conflicts, such as a connection whose name is taken.
        """
        target = Target(
            db=self._db,
            account_id=account_object.account.id,
            keys=account_object[KEYS].versions,
            prompts=prompts,
            deleted=but,
            takes_policies=policies,
        )
        left_out = add_lost_parts(account_object, target)
        # Higher than both revisions, so that the next object written replaces the lost one.
        least = account_object.revision
        higher = case((accounts.c.revision > least, accounts.c.revision), else_=least) + 1
        mine = update(accounts).where(accounts.c.id == account_object.account.id)
        self._db.execute(mine.values(revision=higher))
        return left_out

    def lost_keys(self, account_object: AccountObject) -> None:
        """Add to an account the keys of this state that it lacks. Its object becomes due."""
        target = Target(
            db=self._db, account_id=account_object.account.id, keys=account_object[KEYS].versions, prompts={}
        )
        KEYS.add_lost(account_object[KEYS], target)
        account_changed(self._db, account_object.account.id)

    def carry_epoch(self, account_id: str, epoch: int, *, since: datetime) -> None:
        """Set ``epoch`` on recordings in flight that were received after ``since``, the last switch-off."""
        r = recordings.c
        mine = (r.account_id == account_id) & r.state.in_([str(state) for state in IN_FLIGHT])
        self._db.execute(update(recordings).where(mine & (r.received_at > since)).values(epoch=epoch))

    def make_reconciliation_due(self, since: datetime) -> int:
        """Make every connection due for reconciliation now, from ``since`` on; return the number of connections."""
        c = connections.c
        self._db.execute(update(connections).where(c.reconciled_until > since).values(reconciled_until=since))
        due = update(connections).values(reconcile_not_before=database_now(self._db))
        return self._db.execute(due).rowcount

    def switch(self, account_id: str, history: Sequence[SwitchChange]) -> bool:
        """Replace the switch's history, and set the switch to its last entry; return whether the epoch increased."""
        before = self._db.execute(select(accounts.c.epoch).where(accounts.c.id == account_id)).scalar()
        self._db.execute(delete(switch_changes).where(switch_changes.c.account_id == account_id))
        for change in history:
            self._db.execute(insert(switch_changes).values(row_of(change, account_id=account_id)))
        last = history[-1]
        self._db.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(enabled=last.enabled, epoch=last.epoch, changed_at=last.at, changed_by=last.by)
        )
        return before is not None and last.epoch > before

    def key_destroyed(self, account_id: str, version: int) -> bool:
        """Delete a version of an account's key, and the month keys, facts, answers and links sealed under it.

        False if there is no later version.
        """
        k = account_keys.c
        later = select(k.version).where(k.account_id == account_id, k.version > version).limit(1)
        if self._db.execute(later).first() is None:
            return False
        statement = delete(account_keys).where(k.account_id == account_id, k.version == version)
        if self._db.execute(statement).rowcount:
            account_changed(self._db, account_id)
        delete_sealed(self._db, account_id, lambda table: table.c.key_version == version)
        return True

    def set_back(self, size: int, *, limit: int) -> bool:
        """Remove at most ``limit`` leaves from the end of the tree; return whether it has ``size`` leaves now.

        Their events return to the outbox, in order and before all others. Checkpoints beyond the size are deleted,
        and leaves beyond it count as not published and not read.
        """
        return set_back(self._db, size, limit=limit)

    def leaves(self, start: int, leaves: Sequence[bytes]) -> None:
        """Set leaves of the anchored log at their indexes, from ``start``; other leaves there return to the outbox.

        One already in the outbox keeps its sealed detail. Raises Tampered if the tree ends before ``start``.
        """
        put_leaves(self._db, start, leaves)
        ClosingActRows(self._db).logged(leaves)

    def waiting(self, after: int | None, *, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return position and leaf of events in the outbox with positions greater than ``after``."""
        return waiting_leaves(self._db, after, limit=limit)

    def take_waiting(self, *, limit: int) -> int:
        """Append at most ``limit`` events from the outbox to the tree; return the count."""
        return take_waiting(self._db, limit=limit)

    def published(self, checkpoint: StoredCheckpoint, *, tiles: int, at: datetime) -> None:
        """Store a checkpoint from the object store, and continue publishing after ``tiles``, its published leaves.

        It does not count as anchored: the vault writes its own next anchor.
        """
        row = {"size": checkpoint.size, "note": checkpoint.note, "at": checkpoint.at}
        if tiles == checkpoint.size:
            row["published_at"] = at
        put = insert_for(self._db, checkpoints).values(row)
        self._db.execute(put.on_conflict_do_update(index_elements=["size"], set_=row))
        self._db.execute(update(publication).values(size=tiles))
