"""Restore rows from the object store: accounts and recordings of a vault whose database is lost or old.

Every write is idempotent, so an interrupted restore can be started again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, case, delete, insert, select, update
from sqlalchemy import Connection as DbConnection

from vault.batches import batches
from vault.database.schema.access_log import checkpoints, publication
from vault.database.schema.account_keys import account_keys, detail_keys, month_keys
from vault.database.schema.calls import call_facts
from vault.database.schema.consent import consent_events, consent_policies, objections
from vault.database.schema.core import accounts, connections, links, switch_changes
from vault.database.schema.notices import notices
from vault.database.schema.registers import register_entries
from vault.database.schema.requests import person_packages, person_requests
from vault.database.sql.dialect import database_now, insert_for
from vault.database.stores.account_merge import add_keys, add_lost, carry_epoch, make_reconciliation_due
from vault.database.stores.account_objects import account_changed
from vault.database.stores.approval_rule_rows import restore_rule
from vault.database.stores.callback_backup import restore_callback
from vault.database.stores.checkpoints import StoredCheckpoint
from vault.database.stores.closing_acts import ClosingRows
from vault.database.stores.link_key_rows import add_stored
from vault.database.stores.month_keys import row_of_month_key
from vault.database.stores.notice_rows import row_of
from vault.database.stores.request_backup import complete_requests, restore_requests
from vault.database.stores.restore_leaves import put_leaves, set_back, take_waiting, waiting_leaves
from vault.database.stores.retention_rows import restore_hold, restore_policies
from vault.database.stores.sign_in_backup import restore_sign_in
from vault.domain.accounts.account import Connection, SwitchChange
from vault.domain.consent.consent_event import Objection
from vault.domain.registers.entries import SealedEntry
from vault.domain.stored.account_object import AccountObject, StoredPrompt
from vault.domain.stored.policy_json import encode_policy
from vault.domain.stored.request_rows import StoredRequest
from vault.errors import Refused

#: Max rows in one statement, because databases limit its parameters; and max rows with audio.
_BATCH_SIZE, _PROMPT_BATCH_SIZE = 200, 16


class RestoredRows:
    """Restores rows from the object store. All methods are idempotent."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def account(
        self, known: AccountObject, prompts: dict[str, StoredPrompt], *, keep_keys: bool = False
    ) -> Sequence[str]:
        """Insert an account, or replace its state including its keys, but without its switch.

        With ``keep_keys`` all existing versions of its key stay, and those of the object are added; otherwise they
        are replaced by those of the object. Its object becomes due, under a revision above both. Returns messages
        about conflicts: a version whose number another key has. Raises Refused if another account has its name.
        """
        account = known.account
        other = select(accounts.c.id).where(accounts.c.ref == account.ref, accounts.c.id != account.id)
        if self._db.execute(other).first() is not None:
            raise Refused("Another account has this name.", reasons=("name_taken",))
        stored = select(accounts.c.revision).where(accounts.c.id == account.id)
        revision = self._db.execute(stored).scalar()
        row = {
            "ref": account.ref, "name": account.name, "locale": account.locale, "opened_at": account.opened_at,
            "wrapped_index_key": known.wrapped_index_key, "index_key_version": known.index_key_version,
            "revision": max(revision or 0, known.revision) + 1, "written_revision": known.revision,
        }  # fmt: skip
        if revision is None:
            switch = {
                name: getattr(known.switch, name) for name in ("enabled", "epoch", "changed_at", "changed_by")
            }
            self._db.execute(insert(accounts).values(id=account.id, **row, **switch))
        else:
            self._db.execute(update(accounts).where(accounts.c.id == account.id).values(row))
        refused = add_keys(self._db, known) if keep_keys else []
        if not keep_keys:
            self._keys(known)
        self._settings(known)
        self._notices(known, prompts)
        self._registers(known)
        restore_requests(self._db, account.id, known.requests, known.keys)
        refused += restore_sign_in(self._db, account.id, known.sign_in, replaces=True)
        return [*refused, *add_stored(self._db, known.link_keys, known.link_cuts, replaces=True)]

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
        refused = add_lost(self._db, known, prompts, but=but, policies=policies)
        # Higher than both revisions, so that the next object written replaces the lost one.
        higher = case((accounts.c.revision > known.revision, accounts.c.revision), else_=known.revision) + 1
        mine = update(accounts).where(accounts.c.id == known.account.id)
        self._db.execute(mine.values(revision=higher))
        return refused

    def carry_epoch(self, account_id: str, epoch: int, *, since: datetime) -> None:
        """Set ``epoch`` on recordings in flight that were received after ``since``."""
        carry_epoch(self._db, account_id, epoch, since=since)

    def make_reconciliation_due(self, since: datetime) -> int:
        """Make every connection due for reconciliation now, from ``since`` on; return the number of connections."""
        return make_reconciliation_due(self._db, since)

    def switch(self, account_id: str, history: Sequence[SwitchChange]) -> bool:
        """Replace the switch's history, and set the switch to its last entry; return whether the epoch increased."""
        before = self._db.execute(select(accounts.c.epoch).where(accounts.c.id == account_id)).scalar()
        self._db.execute(delete(switch_changes).where(switch_changes.c.account_id == account_id))
        for change in history:
            row = {name: getattr(change, name) for name in SwitchChange.__slots__}
            self._db.execute(insert(switch_changes).values(account_id=account_id, **row))
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
        self._delete_sealed(account_id, lambda table: table.c.key_version == version)
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
        ClosingRows(self._db).logged(leaves)

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
        self._put(checkpoints, ["size"], row)
        self._db.execute(update(publication).values(size=tiles))

    def _keys(self, known: AccountObject) -> None:
        account_id, k = known.account.id, account_keys.c
        deleted = k.version.not_in(list(known.keys))
        self._db.execute(delete(account_keys).where(k.account_id == account_id, deleted))
        rows = [row_of_month_key(account_id, key) for key in known.month_keys]
        self._put(month_keys, ["account_id", "id"], *rows)
        # Rows sealed under a version destroyed since cannot be opened; facts are restored from manifests.
        self._delete_sealed(account_id, lambda table: table.c.key_version.not_in(list(known.keys)))
        for version, key in known.keys.items():
            row = {"account_id": account_id, "version": version, "wrapped_key": key}
            self._put(account_keys, ["account_id", "version"], row)
        for number, (wrapped, version) in known.detail_keys.items():
            row = {"account_id": account_id, "number": number, "wrapped_key": wrapped, "key_version": version}
            self._put(detail_keys, ["account_id", "number"], row)

    def _delete_sealed(self, account_id: str, gone: Callable[[Table], ColumnElement[bool]]) -> None:
        """Delete rows sealed under a version that is ``gone``, or under a month key that it wraps."""
        m = month_keys.c
        self._db.execute(delete(month_keys).where(m.account_id == account_id, gone(month_keys)))
        left = select(m.id).where(m.account_id == account_id)
        facts = case(
            (call_facts.c.month_key.is_(None), gone(call_facts)), else_=call_facts.c.month_key.not_in(left)
        )
        self._db.execute(delete(call_facts).where(call_facts.c.account_id == account_id, facts))
        for table in (consent_events, links, person_packages, register_entries):
            self._db.execute(delete(table).where(table.c.account_id == account_id, gone(table)))
        # The bare rows of requests stay, as after their own retention.
        mine = (person_requests.c.account_id == account_id) & gone(person_requests)
        empty = {
            "sealed_personal": None,
            "key_version": None,
            "sealed_receipt": None,
            "receipt_key_version": None,
        }
        self._db.execute(update(person_requests).where(mine).values(empty))

    def _settings(self, known: AccountObject) -> None:
        account_id = known.account.id
        policies = [
            {
                "account_id": account_id, "version": policy.version, "policy": encode_policy(policy),
                "changed_at": policy.changed_at, "changed_by": policy.changed_by,
            }
            for policy in known.policies
        ]  # fmt: skip
        self._put(consent_policies, ["account_id", "version"], *policies)
        ids = [connection.id for connection in known.connections]
        c = connections.c
        self._db.execute(delete(connections).where(c.account_id == account_id, c.id.not_in(ids)))
        for connection in known.connections:
            row = {name: getattr(connection, name) for name in Connection.__slots__}
            # Reconcile from the start: a recording made since is either known or ingested.
            due = {
                "reconciled_until": connection.collect_from,
                "reconcile_not_before": database_now(self._db),
            }
            self._put(connections, ["id"], row | due)
        rows = []
        for kept in known.objections:
            same = {"id": kept.id, "term": kept.term, "sealed_number": kept.sealed_number}
            fields = {name: getattr(kept.objection, name) for name in Objection.__slots__}
            rows.append({"account_id": account_id, "key_version": kept.key_version, **same, **fields})
        self._put(objections, ["id"], *rows)
        restore_policies(self._db, account_id, known.retention)
        for stored in known.holds:
            restore_hold(self._db, stored)
        restore_rule(self._db, account_id, known.approval_rule, replaces=True)
        restore_callback(self._db, account_id, known.callback)

    def _notices(self, known: AccountObject, prompts: dict[str, StoredPrompt]) -> None:
        account_id, ids = known.account.id, [notice.id for notice in known.notices]
        n, rows = notices.c, []
        self._db.execute(delete(notices).where(n.account_id == account_id, n.id.not_in(ids)))
        # By version, so that a newly published version does not conflict with the published one before.
        for notice in sorted(known.notices, key=lambda notice: notice.version or 0):
            prompt = prompts.get(notice.id)
            row = row_of(notice) | {"sealed_audio": None, "key_version": None}
            if prompt is not None:
                row |= {"sealed_audio": prompt.message, "key_version": prompt.key_version}
            rows.append(row)
        self._put(notices, ["id"], *rows, batch_size=_PROMPT_BATCH_SIZE)

    def _registers(self, known: AccountObject) -> None:
        r, ids = register_entries.c, [entry.id for entry in known.registers]
        self._db.execute(delete(register_entries).where(r.account_id == known.account.id, r.id.not_in(ids)))
        rows = [{name: getattr(entry, name) for name in SealedEntry.__slots__} for entry in known.registers]
        self._put(register_entries, ["id"], *rows)

    def _put(
        self, table: Table, key: list[str], *rows: dict[str, Any], batch_size: int = _BATCH_SIZE
    ) -> None:
        """Upsert rows of the same columns in batches."""
        for batch in batches(rows, batch_size):
            put = insert_for(self._db, table).values(list(batch))
            new = {name: put.excluded[name] for name in rows[0]}
            self._db.execute(put.on_conflict_do_update(index_elements=key, set_=new))
