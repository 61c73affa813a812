"""What a company's directory has told by SCIM: the setting, users and groups; names are sealed.

Tokens are only in the database: access to the bucket must not give access to the vault.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, insert, select

from vault.database.account_parts.part import OptionalPart, Source, Target, of_row, row_of
from vault.database.schema.provisioning import (
    provisioned_groups,
    provisioned_members,
    provisioned_users,
    provisioning,
)
from vault.database.sql.dialect import insert_new
from vault.domain.sign_in.provisioning import ProvisionedGroup, ProvisionedUser, Provisioning
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields

_U = provisioned_users.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProvisioning:
    """The setting, with everybody and every group that the directory told."""

    setting: Provisioning
    users: tuple[ProvisionedUser, ...]
    groups: tuple[ProvisionedGroup, ...]


class _ProvisioningPart(OptionalPart[StoredProvisioning]):
    def read(self, source: Source) -> StoredProvisioning | None:
        settings = source.all_of(Provisioning, provisioning, "account_id")
        if not settings:
            return None
        members = defaultdict[str, list[str]](list)
        for row in source.rows(provisioned_members, "user_id"):
            members[row["group_id"]].append(row["user_id"])
        return StoredProvisioning(
            setting=settings[0],
            users=source.all_of(ProvisionedUser, provisioned_users),
            groups=tuple(
                of_row(ProvisionedGroup, row, members=tuple(members[row["id"]]))
                for row in source.rows(provisioned_groups, "id")
            ),
        )

    def encode_one(self, item: StoredProvisioning) -> dict[str, Any]:
        return {
            **encode_fields(item.setting, without={"account_id"}),
            "users": [encode_fields(one, without={"account_id"}) for one in item.users],
            "groups": [encode_fields(one, without={"account_id"}) for one in item.groups],
        }

    def decode_one(self, fields: Fields, account_id: str) -> StoredProvisioning:
        users = tuple(
            decode_fields(ProvisionedUser, one, account_id=account_id) for one in fields.items("users")
        )
        groups = tuple(
            decode_fields(ProvisionedGroup, one, account_id=account_id) for one in fields.items("groups")
        )
        setting = decode_fields(Provisioning, fields, account_id=account_id)
        return StoredProvisioning(setting=setting, users=users, groups=groups)

    def replace(self, value: StoredProvisioning | None, target: Target) -> list[str]:
        """Set what the object says; who is inactive on either side of the same revision stays so.

        What the log says was ended is ended afterwards.
        """
        own = _ended(target.db, target.account_id)
        forget_provisioning(target.db, target.account_id)
        if value is None:
            return []
        target.put(provisioning, ["account_id"], [row_of(value.setting)])
        for one in value.users:
            is_ended = own.get(one.id, 0) >= one.revision
            target.db.execute(insert(provisioned_users).values(row_of(_inactive(one) if is_ended else one)))
        for group in value.groups:
            put_group(target.db, group)
        return []

    def add_lost(self, value: StoredProvisioning | None, target: Target) -> list[str]:
        """Add the provisioning of a lost history where the account has none, and end whom it ended.

        Of an account that has one, the directory tells the rest again.
        """
        if value is None:
            return []
        if insert_new(target.db, provisioning, row_of(value.setting)):
            for one in value.users:
                insert_new(target.db, provisioned_users, row_of(one))
            for group in value.groups:
                put_group(target.db, group)
        return []


PROVISIONING = _ProvisioningPart(name="provisioning", words="its provisioning")


def put_group(db: DbConnection, group: ProvisionedGroup) -> None:
    """Insert a group with its members."""
    row = row_of(group)
    del row["members"]
    db.execute(insert(provisioned_groups).values(row))
    add_members(db, group.account_id, group.id, group.members)


def add_members(db: DbConnection, account_id: str, group_id: str, user_ids: tuple[str, ...]) -> None:
    """Insert members of a group."""
    rows = [{"account_id": account_id, "group_id": group_id, "user_id": one} for one in user_ids]
    if rows:
        db.execute(insert(provisioned_members), rows)


def forget_provisioning(db: DbConnection, account_id: str) -> None:
    """Delete setting, users and groups of an account. Its tokens stay, and open nothing."""
    for table in (provisioned_members, provisioned_groups, provisioned_users, provisioning):
        db.execute(delete(table).where(table.c.account_id == account_id))


def _ended(db: DbConnection, account_id: str) -> Mapping[str, int]:
    """Return the revisions of those who are inactive in the rows."""
    query = select(_U.id, _U.revision).where(_U.account_id == account_id, _U.is_active.is_(False))
    return {row.id: row.revision for row in db.execute(query)}


def _inactive(user: ProvisionedUser) -> ProvisionedUser:
    return replace(user, is_active=False)
