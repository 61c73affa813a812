"""The people whom a directory tells by SCIM: list, add, change and remove them; who is not active is out at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.sign_in.connection import SignInConnection
from vault.domain.sign_in.identity import provisioned_subject
from vault.domain.sign_in.provisioning import (
    MAX_USERS,
    ProvisionedUser,
    Provisioning,
    ResourceFilter,
    decode_resource,
    encode_resource,
)
from vault.domain.sign_in.scim.refusals import NotUnique
from vault.errors import Busy, NotFound, Refused
from vault.ports.clock import Clock
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import IdentifyPeople, PeopleKeys
from vault.services.sign_in.end_person import end_person
from vault.services.sign_in.group_roles import GroupRoles, ProvisioningHashes, apply_groups
from vault.services.sign_in.last_admin import require_admin_beside
from vault.services.sign_in.opened_connections import OpenedConnections

_TRIES: Final = 3
_NONE: Final = "There is no such user."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedUser:
    """A user with the attributes that the directory told."""

    row: ProvisionedUser
    resource: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedUsers:
    """Users of the directory of an account. ``actor`` is the token that the directory sent."""

    database: Database
    data_keys: PeopleKeys
    hashes: ProvisioningHashes
    opened: OpenedConnections
    identify_people: IdentifyPeople
    clock: Clock

    async def page(
        self, account_id: str, wanted: ResourceFilter, *, start: int, limit: int
    ) -> tuple[int, Sequence[OpenedUser]]:
        """Return how many users fit, and those after the first ``start``, the oldest first."""
        if wanted.is_empty:
            return 0, []

        def read(tx: Transaction) -> tuple[int, Sequence[ProvisionedUser]]:
            found = tx.provisioned_users.page(account_id, wanted, start=start, limit=limit) if limit else []
            return tx.provisioned_users.count(account_id, wanted), found

        total, rows = await self.database.read(read)
        return total, [await self._open(row) async for row in paced(rows)]

    async def get(self, account_id: str, user_id: str) -> OpenedUser:
        """Return a user. Raises NotFound."""
        row = await self.database.read(lambda tx: tx.provisioned_users.get(account_id, user_id))
        if row is None:
            raise NotFound(_NONE)
        return await self._open(row)

    async def create(self, setting: Provisioning, resource: Mapping[str, Any], *, actor: str) -> OpenedUser:
        """Add a user. Raises NotUnique, and Refused for one too many."""
        await self.identify_people(setting.account_id)
        now = self.clock()
        draft = ProvisionedUser(
            id=new_id("pusr"), account_id=setting.account_id, revision=1, name_hash=None, external_hash=None,
            identity=None, is_active=False, sealed_resource=None, created_at=now, changed_at=now,
        )  # fmt: skip
        change = await self._prepare(setting, OpenedUser(row=draft, resource={}), resource, actor)

        def insert(tx: Transaction) -> None:
            tx.lock_account(setting.account_id, exclusive=True)
            if tx.provisioned_users.count(setting.account_id, ResourceFilter()) >= MAX_USERS:
                text = f"An account has at most {MAX_USERS} users. Delete those who left."
                raise Refused(text, reasons=("too_many",))
            _require_unique(tx, change.after.row)
            tx.provisioned_users.insert(change.after.row)
            _finish(tx, change)

        await self.database.write(insert)
        return change.after

    async def change(
        self,
        setting: Provisioning,
        user_id: str,
        apply: Callable[[dict[str, Any]], Mapping[str, Any]],
        *,
        actor: str,
    ) -> OpenedUser:
        """Write what ``apply`` makes of the attributes; without a change, nothing.

        Who is made inactive has lost sessions, keys and, where the setting says so, links when this returns. Raises
        NotFound, NotUnique, Refused for the last administrator, Busy if others keep changing the user.
        """
        await self.identify_people(setting.account_id)
        for _ in range(_TRIES):
            before = await self.get(setting.account_id, user_id)
            resource = apply(dict(before.resource))
            if resource == before.resource:
                await self._repeat(before.row)
                return before
            change = await self._prepare(setting, before, resource, actor)
            if await self.database.write(lambda tx, change=change: _write(tx, change)):  # type: ignore[misc]
                return change.after
        raise Busy("Other requests keep changing this user. Send the request again.", retry_after=1)

    async def delete(self, setting: Provisioning, user_id: str, *, actor: str) -> None:
        """Delete a user, with the effect of making the user inactive. Raises NotFound, Refused."""
        account_id = setting.account_id
        await self.identify_people(account_id)
        now = self.clock()

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            row = tx.provisioned_users.get(account_id, user_id)
            if row is None:
                if tx.closing_acts.recall(account_id, "provisioned_user.deactivated", user_id):
                    return
                raise NotFound(_NONE)
            tx.provisioned_users.delete(account_id, user_id)
            if row.identity is not None:
                require_admin_beside(tx, setting, row.identity)
                end_person(
                    tx, account_id, row.identity, at=now, actor=actor, with_links=setting.revokes_links
                )
            tx.events.append(_event(replace(row, changed_at=now), "provisioned_user.deactivated", actor))

        await self.database.write(delete)

    async def _repeat(self, row: ProvisionedUser) -> None:
        """Let the object of an earlier end be stored, if it is not known to be."""
        if not row.is_active:
            await self.database.write(
                lambda tx: (
                    tx.closing_acts.recall(row.account_id, "provisioned_user.deactivated", row.id) and None
                )
            )

    async def _open(self, row: ProvisionedUser) -> OpenedUser:
        text = await self.data_keys.open_words(row.account_id, "provisioned", row.sealed_resource)
        stored = {} if text is None else decode_resource(text)
        return OpenedUser(row=row, resource=stored | {"active": row.is_active})

    async def _prepare(
        self, setting: Provisioning, before: OpenedUser, resource: Mapping[str, Any], actor: str
    ) -> "_Change":
        """Hash and seal what the directory told. Whether somebody is active does not follow from what is left out."""
        is_new, now = before.row.sealed_resource is None, self.clock()
        resource = {"active": is_new or before.row.is_active, **resource}
        stored = await self.database.read(lambda tx: tx.sign_in.get(setting.connection_id))
        connection = None if stored is None else await self.opened.open(stored)
        row = replace(
            await self._hashed(before.row, resource, connection),
            revision=before.row.revision + (not is_new),
            is_active=resource["active"],
            sealed_resource=await self.data_keys.seal_words(
                setting.account_id, "provisioned", encode_resource(resource)
            ),
            created_at=now if is_new else before.row.created_at,
            changed_at=now,
        )
        detail, events = {"name": str(resource["userName"])}, []
        for kind in _kinds(before.row, row, is_new=is_new):
            event = _event(row, kind, actor)
            sealed = await self.data_keys.seal_detail(setting.account_id, event.id, detail)
            events.append(replace(event, sealed_detail=sealed))
        return _Change(
            setting=setting,
            before=before.row,
            after=OpenedUser(row=row, resource=resource),
            roles={} if connection is None else await self.hashes.group_roles(setting, connection),
            actor=actor,
            events=events,
        )

    async def _hashed(
        self, row: ProvisionedUser, resource: Mapping[str, Any], connection: SignInConnection | None
    ) -> ProvisionedUser:
        """Return a user with the hashes of name and id, and the identity of the human who signs in by them."""
        external_id, external_hash, identity = resource.get("externalId"), None, None
        if external_id is not None:
            external_hash = await self.hashes.of_external_id(row.account_id, "User", external_id)
            identity = row.identity
        if external_id is not None and connection is not None:
            subject = provisioned_subject(connection.settings.issuer, external_id)
            identity = await self.data_keys.identity(row.account_id, *subject)
        name_hash = await self.hashes.of_name(row.account_id, "User", resource["userName"])
        return replace(row, name_hash=name_hash, external_hash=external_hash, identity=identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    setting: Provisioning
    before: ProvisionedUser
    after: OpenedUser
    roles: GroupRoles
    actor: str
    events: Sequence[AccessEvent]


def _kinds(before: ProvisionedUser, after: ProvisionedUser, *, is_new: bool) -> Sequence[EventType]:
    """Return the types of the events of a change."""
    if is_new:
        return ["provisioned_user.activated" if after.is_active else "provisioned_user.deactivated"]
    if before.is_active and not after.is_active:
        return ["provisioned_user.deactivated"]
    if before.is_active == after.is_active:
        return ["provisioned_user.changed"]
    return ["provisioned_user.activated"]


def _write(tx: Transaction, change: _Change) -> bool:
    """Write a change; False if the user was changed since."""
    tx.lock_account(change.setting.account_id, exclusive=True)
    _require_unique(tx, change.after.row)
    if not tx.provisioned_users.change(change.after.row):
        return False
    _finish(tx, change)
    return True


def _finish(tx: Transaction, change: _Change) -> None:
    """End what the human may not do any more, and give what the groups give."""
    setting, after = change.setting, change.after.row
    was = change.before.identity if change.before.is_active else None
    ended = {was, None if after.is_active else after.identity} - {
        None,
        after.identity if after.is_active else None,
    }
    for identity in sorted(one for one in ended if one is not None):
        # Of a human who was known by another external id, too.
        require_admin_beside(tx, setting, identity)
        end_person(
            tx,
            setting.account_id,
            identity,
            at=after.changed_at,
            actor=change.actor,
            with_links=setting.revokes_links,
        )
    if after.identity is not None:
        apply_groups(tx, setting, change.roles, [after.identity], actor=change.actor)
    for event in change.events:
        tx.events.append(event)


def _require_unique(tx: Transaction, row: ProvisionedUser) -> None:
    """Raise NotUnique if another user has the name or the id at the provider."""
    for name, hashed in (("userName", "name_hash"), ("externalId", "external_hash")):
        if (value := getattr(row, hashed)) is not None:
            found = tx.provisioned_users.with_hash(row.account_id, **{hashed: value})
            if found is not None and found.id != row.id:
                raise NotUnique(name)


def _event(row: ProvisionedUser, kind: EventType, actor: str) -> AccessEvent:
    return AccessEvent(
        type=kind,
        at=row.changed_at,
        account_id=row.account_id,
        actor=actor,
        result=row.id,
        identity=row.identity,
    )
