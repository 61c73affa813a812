"""Provisioning of an account: its setting and tokens, and the users and groups that the directory told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, update

from vault.database.account_parts.part import account_changed, of_row, row_of
from vault.database.account_parts.provisioning import add_members, forget_provisioning, put_group
from vault.database.schema.provisioning import (
    provisioned_groups,
    provisioned_members,
    provisioned_users,
    provisioning,
    provisioning_tokens,
)
from vault.database.sql.dialect import insert_for, insert_new
from vault.database.stores.rows import Rows
from vault.domain.sign_in.provisioning import (
    ProvisionedGroup,
    ProvisionedUser,
    Provisioning,
    ProvisioningToken,
    ResourceFilter,
    RolesFrom,
)

_S, _T, _U, _G, _M = (
    provisioning.c, provisioning_tokens.c, provisioned_users.c, provisioned_groups.c, provisioned_members.c,
)  # fmt: skip


class ProvisioningRows(Rows):
    """Setting and tokens of one transaction."""

    def get(self, account_id: str) -> Provisioning | None:
        """Return an account's setting."""
        query = select(provisioning).where(_S.account_id == account_id)
        row = self._db.execute(query).mappings().first()
        return None if row is None else of_row(Provisioning, row)

    def put(self, setting: Provisioning) -> None:
        """Write an account's setting."""
        account_changed(self._db, setting.account_id)
        row = row_of(setting)
        put = insert_for(self._db, provisioning).values(row)
        self._db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=row))

    def forget(self, account_id: str) -> None:
        """Delete the setting with all users and groups."""
        account_changed(self._db, account_id)
        forget_provisioning(self._db, account_id)

    def insert_token(self, token: ProvisioningToken, secret_hash: bytes) -> None:
        """Insert a token by the hash of its secret."""
        self._db.execute(insert(provisioning_tokens).values(row_of(token, secret_hash=secret_hash)))

    def token(self, token_id: str) -> tuple[ProvisioningToken, bytes] | None:
        """Return a token of any account, also a revoked one, and the hash of its secret."""
        row = self._db.execute(select(provisioning_tokens).where(_T.id == token_id)).mappings().first()
        return None if row is None else (of_row(ProvisioningToken, row), row["secret_hash"])

    def tokens(self, account_id: str) -> Sequence[ProvisioningToken]:
        """Return the tokens of an account that are good, oldest first."""
        mine = (_T.account_id == account_id) & _T.revoked_at.is_(None)
        query = select(provisioning_tokens).where(mine).order_by(_T.created_at, _T.id)
        return [of_row(ProvisioningToken, row) for row in self._db.execute(query).mappings()]

    def revoke_token(self, account_id: str, token_id: str, at: datetime) -> bool:
        """Revoke a token; False if it is not good any more, or is not there."""
        mine = (_T.account_id == account_id) & (_T.id == token_id) & _T.revoked_at.is_(None)
        return bool(self._db.execute(update(provisioning_tokens).where(mine).values(revoked_at=at)).rowcount)

    def note_use(self, token_id: str, at: datetime) -> None:
        """Note when a token was last used."""
        self._db.execute(update(provisioning_tokens).where(_T.id == token_id).values(last_used_at=at))


class ProvisionedUserRows(Rows):
    """Users of one transaction."""

    def get(self, account_id: str, user_id: str) -> ProvisionedUser | None:
        """Return a user whom the directory sees."""
        return self._first(
            (_U.account_id == account_id) & (_U.id == user_id) & _U.sealed_resource.is_not(None)
        )

    def with_hash(self, account_id: str, **hashes: bytes) -> ProvisionedUser | None:
        """Return the user with this ``name_hash`` or ``external_hash``."""
        return self._first((_U.account_id == account_id) & _of(provisioned_users, hashes))

    def of_identity(self, account_id: str, identity: str) -> Sequence[ProvisionedUser]:
        """Return what a directory says about a human."""
        query = select(provisioned_users).where(_U.account_id == account_id, _U.identity == identity)
        return [of_row(ProvisionedUser, row) for row in self._db.execute(query).mappings()]

    def known(self, account_id: str, user_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are users of the account."""
        mine = (_U.account_id == account_id) & _U.sealed_resource.is_not(None) & _U.id.in_(user_ids)
        return frozenset(self._db.execute(select(_U.id).where(mine)).scalars())

    def identities(self, account_id: str, user_ids: Sequence[str]) -> Sequence[str]:
        """Return the identities of these users, as far as they have one."""
        mine = (_U.account_id == account_id) & _U.id.in_(user_ids) & _U.identity.is_not(None)
        return list(self._db.execute(select(_U.identity).where(mine)).scalars())

    def active_identities(self, account_id: str) -> frozenset[str]:
        """Return the identities of all who are active."""
        mine = (_U.account_id == account_id) & _U.is_active & _U.identity.is_not(None)
        return frozenset(self._db.execute(select(_U.identity).where(mine)).scalars())

    def count(self, account_id: str, wanted: ResourceFilter) -> int:
        """Return how many users fit a filter."""
        return _count(self, provisioned_users, account_id, wanted)

    def page(
        self, account_id: str, wanted: ResourceFilter, *, start: int, limit: int
    ) -> Sequence[ProvisionedUser]:
        """Return the users that fit, in the order of their creation, after the first ``start``."""
        query = select(provisioned_users).where(_condition(provisioned_users, account_id, wanted))
        query = query.order_by(_U.created_at, _U.id).offset(start).limit(limit)
        return [of_row(ProvisionedUser, row) for row in self._db.execute(query).mappings()]

    def insert(self, user: ProvisionedUser) -> None:
        """Insert a user. The account's object becomes due, as with each change."""
        account_changed(self._db, user.account_id)
        self._db.execute(insert(provisioned_users).values(row_of(user)))

    def change(self, user: ProvisionedUser) -> bool:
        """Write over the revision before; False if that is not the stored one."""
        account_changed(self._db, user.account_id)
        mine = (_U.account_id == user.account_id) & (_U.id == user.id) & (_U.revision == user.revision - 1)
        return bool(self._db.execute(update(provisioned_users).where(mine).values(row_of(user))).rowcount)

    def delete(self, account_id: str, user_id: str) -> None:
        """Delete a user, from all groups too."""
        account_changed(self._db, account_id)
        self._db.execute(
            delete(provisioned_members).where(_M.account_id == account_id, _M.user_id == user_id)
        )
        self._db.execute(delete(provisioned_users).where(_U.account_id == account_id, _U.id == user_id))

    def end(self, account_id: str, user_id: str, identity: str | None, at: datetime) -> None:
        """Note that a user is not active, also of one whom this database does not know."""
        unknown = ProvisionedUser(
            id=user_id, account_id=account_id, revision=1, name_hash=None, external_hash=None, identity=identity,
            is_active=False, sealed_resource=None, created_at=at, changed_at=at,
        )  # fmt: skip
        if not insert_new(self._db, provisioned_users, row_of(unknown)):
            mine = (_U.account_id == account_id) & (_U.id == user_id) & _U.is_active
            self._db.execute(
                update(provisioned_users).where(mine).values(is_active=False, revision=_U.revision + 1)
            )
        account_changed(self._db, account_id)

    def _first(self, condition: Any) -> ProvisionedUser | None:
        row = self._db.execute(select(provisioned_users).where(condition)).mappings().first()
        return None if row is None else of_row(ProvisionedUser, row)


class ProvisionedGroupRows(Rows):
    """Groups of one transaction."""

    def get(self, account_id: str, group_id: str) -> ProvisionedGroup | None:
        """Return a group with its members."""
        return self._first((_G.account_id == account_id) & (_G.id == group_id))

    def with_hash(self, account_id: str, **hashes: bytes) -> ProvisionedGroup | None:
        """Return the group with this ``name_hash`` or ``external_hash``."""
        return self._first((_G.account_id == account_id) & _of(provisioned_groups, hashes))

    def count(self, account_id: str, wanted: ResourceFilter) -> int:
        """Return how many groups fit a filter."""
        return _count(self, provisioned_groups, account_id, wanted)

    def page(
        self, account_id: str, wanted: ResourceFilter, *, start: int, limit: int
    ) -> Sequence[ProvisionedGroup]:
        """Return the groups that fit, in the order of their creation, after the first ``start``."""
        query = select(provisioned_groups).where(_condition(provisioned_groups, account_id, wanted))
        rows = (
            self._db.execute(query.order_by(_G.created_at, _G.id).offset(start).limit(limit)).mappings().all()
        )
        members = self._members(account_id, [row["id"] for row in rows])
        return [of_row(ProvisionedGroup, row, members=members.get(row["id"], ())) for row in rows]

    def values_of(
        self, account_id: str, identities: Collection[str], roles_from: RolesFrom
    ) -> Sequence[tuple[str, bytes]]:
        """Return each of these humans who is active, with the hash of each group: of its name, or its external id."""
        value = _G.external_hash if roles_from == "group_external_ids" else _G.name_hash
        query = (
            select(_U.identity, value.label("value"))
            .join(provisioned_members, _M.user_id == _U.id)
            .join(provisioned_groups, _G.id == _M.group_id)
            .where(_U.account_id == account_id, _U.identity.in_(identities), _U.is_active, value.is_not(None))
        )
        return [(row.identity, row.value) for row in self._db.execute(query.order_by(_U.identity, _G.id))]

    def count_members(self, account_id: str) -> int:
        """Return the number of memberships of all groups."""
        query = select(func.count()).select_from(provisioned_members).where(_M.account_id == account_id)
        return int(self._db.execute(query).scalar_one())

    def insert(self, group: ProvisionedGroup) -> None:
        """Insert a group with its members. The account's object becomes due, as with each change."""
        account_changed(self._db, group.account_id)
        put_group(self._db, group)

    def change(self, group: ProvisionedGroup, before: ProvisionedGroup) -> bool:
        """Write over the revision before; False if that is not the stored one."""
        account_changed(self._db, group.account_id)
        row = row_of(group)
        del row["members"]
        mine = (_G.account_id == group.account_id) & (_G.id == group.id) & (_G.revision == before.revision)
        if not self._db.execute(update(provisioned_groups).where(mine).values(row)).rowcount:
            return False
        gone = tuple(set(before.members) - set(group.members))
        if gone:
            self._db.execute(delete(provisioned_members).where(_M.group_id == group.id, _M.user_id.in_(gone)))
        new = tuple(sorted(set(group.members) - set(before.members)))
        add_members(self._db, group.account_id, group.id, new)
        return True

    def delete(self, account_id: str, group_id: str) -> None:
        """Delete a group."""
        account_changed(self._db, account_id)
        self._db.execute(
            delete(provisioned_members).where(_M.account_id == account_id, _M.group_id == group_id)
        )
        self._db.execute(delete(provisioned_groups).where(_G.account_id == account_id, _G.id == group_id))

    def _members(self, account_id: str, group_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        query = select(_M.group_id, _M.user_id).where(_M.account_id == account_id, _M.group_id.in_(group_ids))
        found: dict[str, list[str]] = {}
        for row in self._db.execute(query.order_by(_M.user_id)):
            found.setdefault(row.group_id, []).append(row.user_id)
        return {group_id: tuple(ids) for group_id, ids in found.items()}

    def _first(self, condition: Any) -> ProvisionedGroup | None:
        row = self._db.execute(select(provisioned_groups).where(condition)).mappings().first()
        if row is None:
            return None
        members = self._members(row["account_id"], [row["id"]])
        return of_row(ProvisionedGroup, row, members=members.get(row["id"], ()))


def _of(table: Table, hashes: Mapping[str, bytes]) -> ColumnElement[bool]:
    ((name, value),) = hashes.items()
    return table.c[name] == value


def _count(rows: Rows, table: Table, account_id: str, wanted: ResourceFilter) -> int:
    query = select(func.count()).select_from(table).where(_condition(table, account_id, wanted))
    return int(rows._db.execute(query).scalar_one())  # noqa: SLF001 - of this module's own classes


def _condition(table: Table, account_id: str, wanted: ResourceFilter) -> ColumnElement[bool]:
    condition = (table.c.account_id == account_id) & table.c.sealed_resource.is_not(None)
    for name in ("id", "name_hash", "external_hash", "is_active"):
        if (value := getattr(wanted, name)) is not None:
            condition &= table.c[name] == value
    return condition
