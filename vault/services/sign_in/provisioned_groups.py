"""The groups that a directory tells by SCIM: list, add, change and remove them; with the roles of their people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.sign_in.provisioning import (
    ANY,
    MAX_GROUPS,
    MAX_MEMBERSHIPS,
    ProvisionedGroup,
    Provisioning,
    ResourceFilter,
    decode_resource,
    encode_resource,
    ids_of,
)
from vault.domain.sign_in.scim.refusals import NotUnique, ScimInvalid
from vault.errors import Busy, NotFound, Refused
from vault.ports.clock import Clock
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import IdentifyPeople, PeopleKeys
from vault.services.sign_in.group_roles import GroupRoles, ProvisioningHashes, apply_groups
from vault.services.sign_in.opened_connections import OpenedConnections

_TRIES: Final = 3
_NONE: Final = "There is no such group."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedGroup:
    """A group with the attributes that the directory told."""

    row: ProvisionedGroup
    resource: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedGroups:
    """Groups of the directory of an account. ``actor`` is the token that the directory sent."""

    database: Database
    data_keys: PeopleKeys
    hashes: ProvisioningHashes
    opened: OpenedConnections
    identify_people: IdentifyPeople
    clock: Clock

    async def page(
        self, account_id: str, wanted: ResourceFilter, *, start: int, limit: int
    ) -> tuple[int, Sequence[OpenedGroup]]:
        """Return how many groups fit, and those after the first ``start``, the oldest first."""
        if wanted.is_empty:
            return 0, []

        def read(tx: Transaction) -> tuple[int, Sequence[ProvisionedGroup]]:
            found = tx.provisioned_groups.page(account_id, wanted, start=start, limit=limit) if limit else []
            return tx.provisioned_groups.count(account_id, wanted), found

        total, rows = await self.database.read(read)
        return total, [await self._open(row) async for row in paced(rows)]

    async def get(self, account_id: str, group_id: str) -> OpenedGroup:
        """Return a group. Raises NotFound."""
        row = await self.database.read(lambda tx: tx.provisioned_groups.get(account_id, group_id))
        if row is None:
            raise NotFound(_NONE)
        return await self._open(row)

    async def create(self, setting: Provisioning, resource: Mapping[str, Any], *, actor: str) -> OpenedGroup:
        """Add a group. Raises NotUnique, ScimInvalid for an unknown member, and Refused for one too many."""
        await self.identify_people(setting.account_id)
        now = self.clock()
        draft = ProvisionedGroup(
            id=new_id("pgrp"), account_id=setting.account_id, revision=0, name_hash=b"", external_hash=None,
            sealed_resource="", created_at=now, changed_at=now,
        )  # fmt: skip
        change = await self._prepare(setting, draft, resource, actor)

        def insert(tx: Transaction) -> None:
            tx.lock_account(setting.account_id, exclusive=True)
            if tx.provisioned_groups.count(setting.account_id, ANY) >= MAX_GROUPS:
                text = f"An account has at most {MAX_GROUPS} groups. Assign fewer of them."
                raise Refused(text, reasons=("too_many",))
            _check(tx, change)
            tx.provisioned_groups.insert(change.after.row)
            _finish(tx, change)

        await self.database.write(insert)
        return change.after

    async def change(
        self,
        setting: Provisioning,
        group_id: str,
        apply: Callable[[dict[str, Any]], Mapping[str, Any]],
        *,
        actor: str,
    ) -> OpenedGroup:
        """Write what ``apply`` makes of the attributes; a role that nobody's group gives any more ends before this.

        Raises NotFound, NotUnique, ScimInvalid for an unknown member, Busy if others keep changing the group.
        """
        await self.identify_people(setting.account_id)
        for _ in range(_TRIES):
            before = await self.get(setting.account_id, group_id)
            resource = apply(dict(before.resource))
            if resource == before.resource:
                return before
            change = await self._prepare(setting, before.row, resource, actor)
            if await self.database.write(lambda tx, change=change: _write(tx, change)):  # type: ignore[misc]
                return change.after
        raise Busy("Other requests keep changing this group. Send the request again.", retry_after=1)

    async def delete(self, setting: Provisioning, group_id: str, *, actor: str) -> None:
        """Delete a group; what it gave ends. Raises NotFound."""
        before = await self.get(setting.account_id, group_id)
        await self.identify_people(setting.account_id)
        change = await self._prepare(setting, before.row, {**before.resource, "members": []}, actor)

        def delete(tx: Transaction) -> None:
            tx.lock_account(setting.account_id, exclusive=True)
            row = tx.provisioned_groups.get(setting.account_id, group_id)
            if row is None:
                raise NotFound(_NONE)
            tx.provisioned_groups.delete(setting.account_id, group_id)
            _give(tx, change, row.members)
            tx.events.append(replace(change.event, type="provisioned_group.deleted"))

        await self.database.write(delete)

    async def _open(self, row: ProvisionedGroup) -> OpenedGroup:
        text = await self.data_keys.open_words(row.account_id, "provisioned", row.sealed_resource)
        resource = {} if text is None else decode_resource(text)
        if row.members:
            resource["members"] = [{"value": one} for one in row.members]
        return OpenedGroup(row=row, resource=resource)

    async def _prepare(
        self, setting: Provisioning, before: ProvisionedGroup, resource: Mapping[str, Any], actor: str
    ) -> "_Change":
        """Hash and seal what the directory told."""
        account_id, external_id = setting.account_id, resource.get("externalId")
        members = ids_of(resource.get("members") or [])
        said = {name: value for name, value in resource.items() if name != "members"}
        connection = await self.database.read(lambda tx: tx.sign_in.get(setting.connection_id))
        roles: GroupRoles = {}
        if connection is not None:
            roles = await self.hashes.group_roles(setting, await self.opened.open(connection))
        now = self.clock()
        row = replace(
            before,
            created_at=before.created_at if before.revision else now,
            revision=before.revision + 1,
            name_hash=await self.hashes.of_name(account_id, "Group", said["displayName"]),
            external_hash=None
            if external_id is None
            else await self.hashes.of_external_id(account_id, "Group", external_id),
            sealed_resource=await self.data_keys.seal_words(account_id, "provisioned", encode_resource(said))
            or "",
            changed_at=now,
            members=members,
        )
        kind: EventType = "provisioned_group.changed"
        event = AccessEvent(type=kind, at=row.changed_at, account_id=account_id, actor=actor, result=row.id)
        added, removed = set(members) - set(before.members), set(before.members) - set(members)
        detail = {"name": str(said["displayName"]), "added": str(len(added)), "removed": str(len(removed))}
        sealed = await self.data_keys.seal_detail(account_id, event.id, detail)
        return _Change(
            setting=setting,
            before=before,
            after=OpenedGroup(row=row, resource={**said, **_members(members)}),
            roles=roles,
            event=replace(event, sealed_detail=sealed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    setting: Provisioning
    before: ProvisionedGroup
    after: OpenedGroup
    roles: GroupRoles
    event: AccessEvent


def _members(ids: Sequence[str]) -> Mapping[str, Any]:
    return {"members": [{"value": one} for one in ids]} if ids else {}


def _check(tx: Transaction, change: _Change) -> None:
    """Raise NotUnique, ScimInvalid or Refused for what cannot be written."""
    row = change.after.row
    for name, hashed in (("displayName", "name_hash"), ("externalId", "external_hash")):
        if (value := getattr(row, hashed)) is not None:
            found = tx.provisioned_groups.with_hash(row.account_id, **{hashed: value})
            if found is not None and found.id != row.id:
                raise NotUnique(name)
    new = sorted(set(row.members) - set(change.before.members))
    if len(tx.provisioned_users.known(row.account_id, new)) != len(new):
        raise ScimInvalid("invalidValue", "Each member must be the id of a user of this account.")
    if tx.provisioned_groups.count_members(row.account_id) + len(new) > MAX_MEMBERSHIPS:
        text = f"All groups have at most {MAX_MEMBERSHIPS} members together."
        raise Refused(text, reasons=("too_many",))


def _write(tx: Transaction, change: _Change) -> bool:
    """Write a change; False if the group was changed since."""
    tx.lock_account(change.setting.account_id, exclusive=True)
    stored = tx.provisioned_groups.get(change.setting.account_id, change.before.id)
    if stored is None or stored.members != change.before.members:
        # A user was deleted meanwhile, or the group.
        return False
    _check(tx, change)
    if not tx.provisioned_groups.change(change.after.row, change.before):
        return False
    _finish(tx, change)
    return True


def _finish(tx: Transaction, change: _Change) -> None:
    before, after = change.before, change.after.row
    by = change.setting.roles_from
    changed = set(before.members) ^ set(after.members)
    if before.revision and before.value_hash(by) != after.value_hash(by):
        # Another name gives other roles, to all who stay.
        changed |= set(after.members)
    _give(tx, change, sorted(changed))
    tx.events.append(change.event)


def _give(tx: Transaction, change: _Change, user_ids: Sequence[str]) -> None:
    """Give these users what their groups give now."""
    identities = tx.provisioned_users.identities(change.setting.account_id, user_ids)
    apply_groups(tx, change.setting, change.roles, identities, actor=change.event.actor)
