"""Accounts, their recording switch with its history, their wrapped keys, and the limits that admins have set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, case, delete, insert, or_, select, update

from vault.database.account_parts.part import account_changed
from vault.database.schema.account_keys import account_keys
from vault.database.schema.accounts import account_limits
from vault.database.schema.core import accounts, switch_changes
from vault.database.signals import Work, wake
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import insert_for, insert_new
from vault.database.stores.current_key_check import newest_version
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import Account, Switch, SwitchChange
from vault.domain.accounts.limits import LIMIT_NAMES, OwnLimits
from vault.errors import NotFound, Refused

#: Max accounts with limits of their own.
MAX_ROWS = 10_000
# Nearly every request runs these.
_FIND = CompiledSelect(
    select(*(accounts.c[name] for name in Account.__slots__))
    .where(or_(accounts.c.ref == bindparam("named"), accounts.c.id == bindparam("named")))
    .order_by(case((accounts.c.id == bindparam("named"), 0), else_=1))
)
_SWITCH = CompiledSelect(
    select(*(accounts.c[name] for name in Switch.__slots__)).where(accounts.c.id == bindparam("id"))
)
_WITH_SWITCH = CompiledSelect(
    select(*(accounts.c[name] for name in (*Account.__slots__, *Switch.__slots__))).where(
        accounts.c.id == bindparam("id")
    )
)
_SWITCH_HISTORY = CompiledSelect(
    select(*(switch_changes.c[name] for name in SwitchChange.__slots__))
    .where(switch_changes.c.account_id == bindparam("account_id"))
    .order_by(switch_changes.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedSecret:
    """A secret of the account, wrapped by a version of its account key."""

    wrapped: bytes = field(repr=False)
    key_version: int


class AccountRows(Rows):
    """Accounts, switches and wrapped account keys."""

    def find(self, ref_or_id: str) -> Account | None:
        """Return the account by its name in URLs or by its id; an id match wins over an equal name."""
        row = _FIND.first(self._db, named=ref_or_id)
        return None if row is None else Account(**row)

    def ids(self) -> Sequence[str]:
        """Return the ids of all accounts, ordered by name; for operators."""
        return self._db.execute(select(accounts.c.id).order_by(accounts.c.ref)).scalars().all()

    def page(self, *, after: str | None, limit: int) -> Sequence[Account]:
        """Return accounts with names greater than ``after``, ordered by their names in URLs."""
        query = select(*(accounts.c[name] for name in Account.__slots__)).order_by(accounts.c.ref)
        if after is not None:
            query = query.where(accounts.c.ref > after)
        return [Account(**row) for row in self._db.execute(query.limit(limit)).mappings()]

    def insert(self, account: Account, *, wrapped_key: bytes, wrapped_index_key: bytes) -> None:
        """Insert an account with version 1 of its key and the switch on, at epoch 0. Raises Refused."""
        values = {
            "id": account.id, "ref": account.ref, "name": account.name, "locale": account.locale,
            "opened_at": account.opened_at, "region": account.region,
            "wrapped_index_key": wrapped_index_key, "index_key_version": 1,
            "enabled": True, "epoch": 0, "changed_at": account.opened_at, "changed_by": "vault",
            "revision": 1, "written_revision": 0,
        }  # fmt: skip
        if not insert_new(self._db, accounts, values):
            raise Refused("An account with this name exists already.", reasons=("name_taken",))
        wake(self._db, Work.ACCOUNT_OBJECTS)
        self._db.execute(
            insert(account_keys).values(account_id=account.id, version=1, wrapped_key=wrapped_key)
        )
        self._insert_change(
            account.id, Switch(enabled=True, epoch=0, changed_at=account.opened_at, changed_by="vault"), None
        )

    def rename(self, account_id: str, *, name: str, locale: str, region: str | None = None) -> None:
        """Change an account's name and locale, and set its region: the database refuses to change that."""
        values = {"name": name, "locale": locale} | ({} if region is None else {"region": region})
        self._db.execute(update(accounts).where(accounts.c.id == account_id).values(values))
        account_changed(self._db, account_id)

    def switch(self, account_id: str) -> Switch:
        """Return the switch's current state. Raises NotFound."""
        row = _SWITCH.first(self._db, id=account_id)
        if row is None:
            raise NotFound("There is no such account.")
        return Switch(**row)

    def with_switch(self, account_id: str) -> tuple[Account, Switch]:
        """Return an account and its switch's current state. Raises NotFound."""
        row = _WITH_SWITCH.first(self._db, id=account_id)
        if row is None:
            raise NotFound("There is no such account.")
        account, switch = ({name: row[name] for name in kind.__slots__} for kind in (Account, Switch))
        return Account(**account), Switch(**switch)

    def set_switch(
        self, account_id: str, *, enabled: bool, at: datetime, by: str, reason: str | None
    ) -> Switch:
        """Set the switch; only switching off increments the epoch. Writes nothing if the state is the same."""
        before = self.switch(account_id)
        if before.enabled == enabled:
            return before
        epoch = before.epoch if enabled else before.epoch + 1
        after = Switch(enabled=enabled, epoch=epoch, changed_at=at, changed_by=by)
        self._db.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(enabled=enabled, epoch=epoch, changed_at=at, changed_by=by)
        )
        self._insert_change(account_id, after, reason)
        account_changed(self._db, account_id)
        return after

    def switch_history(self, account_id: str) -> Sequence[SwitchChange]:
        """Return every change of the switch, oldest first."""
        return [SwitchChange(**row) for row in _SWITCH_HISTORY.rows(self._db, account_id=account_id)]

    def switch_changes(
        self, account_id: str, *, start: int, limit: int, newest_first: bool = False
    ) -> Sequence[SwitchChange]:
        """Return a page of the changes of the switch after the first ``start``; oldest first by default."""
        order = switch_changes.c.id.desc() if newest_first else switch_changes.c.id
        query = select(*(switch_changes.c[name] for name in SwitchChange.__slots__))
        page = (
            query.where(switch_changes.c.account_id == account_id).order_by(order).offset(start).limit(limit)
        )
        return [SwitchChange(**row) for row in self._db.execute(page).mappings()]

    def current_key_version(self, account_id: str) -> int:
        """Return the highest version of the account's key. Raises NotFound."""
        version = newest_version(self._db, account_id)
        if version is None:
            raise NotFound("There is no key for this account.")
        return version

    def wrapped_key(self, account_id: str, version: int) -> bytes:
        """Return a wrapped account key. Raises NotFound."""
        mine = (account_keys.c.account_id == account_id) & (account_keys.c.version == version)
        wrapped: bytes | None = self._db.execute(select(account_keys.c.wrapped_key).where(mine)).scalar()
        if wrapped is None:
            raise NotFound("There is no such version of the account's key.")
        return wrapped

    def wrapped_index_key(self, account_id: str) -> WrappedSecret:
        """Return the account's index key, wrapped by a version of its account key. Raises NotFound."""
        query = select(accounts.c.wrapped_index_key, accounts.c.index_key_version)
        row = self._db.execute(query.where(accounts.c.id == account_id)).first()
        if row is None:
            raise NotFound("There is no such account.")
        return WrappedSecret(wrapped=row.wrapped_index_key, key_version=row.index_key_version)

    def _insert_change(self, account_id: str, switch: Switch, reason: str | None) -> None:
        self._db.execute(
            insert(switch_changes).values(
                account_id=account_id, enabled=switch.enabled, epoch=switch.epoch, at=switch.changed_at,
                by=switch.changed_by, reason=reason,
            )
        )  # fmt: skip


class AccountLimitRows(Rows):
    """The limits of accounts that have some of their own."""

    def all(self) -> Mapping[str, OwnLimits]:
        """Return the limits by account, of up to MAX_ROWS accounts."""
        rows = self._db.execute(select(account_limits).order_by(account_limits.c.account_id).limit(MAX_ROWS))
        return {
            row["account_id"]: OwnLimits(**{name: row[name] for name in LIMIT_NAMES})
            for row in rows.mappings()
        }

    def get(self, account_id: str) -> OwnLimits:
        """Return an account's own limits."""
        query = select(account_limits).where(account_limits.c.account_id == account_id)
        row = self._db.execute(query).mappings().first()
        return OwnLimits() if row is None else OwnLimits(**{name: row[name] for name in LIMIT_NAMES})

    def put(self, account_id: str, own: OwnLimits) -> None:
        """Replace an account's own limits; without any, its row is deleted."""
        values = {name: getattr(own, name) for name in LIMIT_NAMES}
        if own == OwnLimits():
            self._db.execute(delete(account_limits).where(account_limits.c.account_id == account_id))
            return
        upsert = insert_for(self._db, account_limits).values(values | {"account_id": account_id})
        self._db.execute(upsert.on_conflict_do_update(index_elements=["account_id"], set_=values))
