"""Connect an account to a sign-in provider; list, show and delete its connections, and change what they give."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.sign_in.attempt import new_client_key, public_key_set
from vault.domain.sign_in.connection import (
    NAME,
    OPERATORS,
    ProviderSettings,
    RoleMapping,
    SealedConnection,
    SignInConnection,
    account_of,
    check_settings,
    is_same_client,
    opens_sign_in,
    require_room,
    with_ids,
)
from vault.errors import Busy, Invalid, NotFound
from vault.ports.clock import Clock
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.encrypted_fields import name_term
from vault.services.shared.people_keys import PeopleKeys
from vault.services.shared.revoke_links import apply_roles
from vault.services.sign_in.opened_connections import OpenedConnections
from vault.services.sign_in.person_session import require_untold

_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectionChange:
    """What an administrator sends. It has no repr: it has a secret."""

    settings: ProviderSettings
    #: Keep the client's secret that is stored, if issuer and client stay.
    keep_secret: bool
    #: The vault signs with a key of its own, which it makes and keeps while issuer and client stay.
    own_key: bool = False
    #: The id of a new connection: that of a lost one, so that its addresses and people stay what they were.
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInConnections:
    """Set, list, show and delete the sign-in connections of an account."""

    database: Database
    data_keys: PeopleKeys
    opened: OpenedConnections
    clock: Clock

    async def set(
        self,
        account_id: str,
        name: str,
        change: ConnectionChange,
        *,
        actor: str,
        sealed_secret: str | None = None,
        approved: Approved | None = None,
    ) -> SignInConnection:
        """Connect an account to a provider, or change the connection.

        A role that is taken away is gone with the next request of those who had it. ``sealed_secret`` is the client's
        secret as ``hide_secret`` returned it. Raises Invalid, naming the field, Busy if others keep changing the
        connection, ApprovalNeeded if the rule wants an approval for a change that gives a role or names a provider.
        """
        if not NAME.fullmatch(name):
            raise Invalid(
                "name must be 1 to 64 lowercase letters, digits, dots, dashes or underscores, and must begin and end "
                "with a letter or digit.",
                field="name",
            )
        check_settings(change.settings)
        if any((one.role == "operator") != (account_id == OPERATORS) for one in change.settings.roles):
            raise Invalid(
                "The role operator is given by the operator alone, for all accounts.", field="roles"
            )
        if sealed_secret is not None:
            secret = await self.data_keys.open_words(account_id, "sign-in", sealed_secret)
            change = replace(
                change, settings=replace(change.settings, client_secret=secret), keep_secret=False
            )
        for _ in range(_TRIES):
            if (done := await self._try(account_id, name, change, actor, approved)) is not None:
                return done
        raise Busy("Other requests keep changing this connection. Send the request again.", retry_after=1)

    async def hide_secret(self, account_id: str, secret: str | None) -> Mapping[str, str | None]:
        """Return the secret of a change that may wait for an approval: sealed, and a keyed hash of it.

        Both are shown to the approver. By the hash, the same change sent again is the same question.
        """
        if secret is None:
            return {"sealed_secret": None}
        digest = hmac.digest(await self.data_keys.index_key(account_id), secret.encode(), hashlib.sha256)
        sealed = await self.data_keys.seal_words(account_id, "sign-in", secret)
        return {"sealed_secret": sealed, "secret_digest": digest.hex()}

    async def list(self, account_id: str) -> Sequence[SignInConnection]:
        """Return all connections of the account, ordered by name."""
        rows = await self.database.read(lambda tx: tx.sign_in.of_account(account_id))
        return [await self.opened.open(row) for row in rows]

    async def get(self, account_id: str, name: str) -> SignInConnection:
        """Return one connection. Raises NotFound."""
        row = await self.database.read(lambda tx: tx.sign_in.find(account_id, name))
        if row is None:
            raise NotFound("There is no such sign-in connection.")
        return await self.opened.open(row)

    async def public_keys(self, connection_id: str) -> Mapping[str, Any]:
        """Return the JWK set by which the provider checks the vault. Raises NotFound, also without such a key."""
        row = await self.database.read(lambda tx: tx.sign_in.get(connection_id))
        found = None if row is None else (await self.opened.open(row)).settings.client_key
        if found is None:
            raise NotFound("There is no such key set.")
        return public_key_set(found)

    async def delete(self, account_id: str, name: str, *, actor: str) -> None:
        """Delete a connection: nobody can sign in by it, and its people have no role from their next request on.

        Raises NotFound. If the object of this closing act is not known to be stored, a repeated call stores it.
        """

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            row = tx.sign_in.find(account_id, name)
            if row is None:
                if tx.closing_acts.recall(account_of(account_id), "sign_in.deleted", name):
                    return
                raise NotFound("There is no such sign-in connection.")
            tx.sign_in.delete(row.id)
            now = tx.now()
            apply_roles(tx, account_id, at=now, actor=actor)
            tx.events.append(
                AccessEvent(
                    type="sign_in.deleted",
                    at=now,
                    account_id=account_of(account_id),
                    actor=actor,
                    result=row.id,
                    subject=name,
                )
            )

        await self.database.write(delete)

    async def _try(
        self, account_id: str, name: str, change: ConnectionChange, actor: str, approved: Approved | None
    ) -> SignInConnection | None:
        """Write the connection; None if it was changed since it was read."""
        row = await self.database.read(lambda tx: tx.sign_in.find(account_id, name))
        if change.id is not None and await self._is_other(change.id, row):
            raise Invalid("Another connection has this id, or this one has another.", field="id")
        before = None if row is None else (await self.opened.open(row)).settings
        settings, granted, revoked = with_ids(
            _with_secret(change, before), before, [new_id("role") for _ in change.settings.roles]
        )
        sealed = await self.opened.seal(account_id, settings)
        opens = approved is not None or opens_sign_in(before, settings, granted)
        wanted = SealedConnection(
            id=(change.id or new_id("idp")) if row is None else row.id,
            account_id=account_id,
            name=name,
            revision=1 if row is None else row.revision + 1,
            sealed_settings=sealed,
            changed_at=self.clock(),
            changed_by=actor,
        )
        written = _Change(
            # A change that gives nothing does not hide who gave the roles: that one does not approve for its people.
            wanted=wanted if row is None or opens else replace(wanted, changed_by=row.changed_by),
            actor=actor,
            opens=opens,
            before=before,
            settings=settings,
            granted=granted,
            revoked=revoked,
            agents=await self._terms(account_id, granted),
            events=await self._events(wanted, granted, revoked),
        )
        done = await self.database.write(lambda tx: _write(tx, written, approved))
        return _shown(written.wanted, settings) if done else None

    async def _is_other(self, id_: str, row: SealedConnection | None) -> bool:
        """Return whether an id is not that of ``row``; without a row, whether a connection has it."""
        if row is not None:
            return row.id != id_
        return await self.database.read(lambda tx: tx.sign_in.get(id_)) is not None

    async def _events(
        self, row: SealedConnection, granted: Sequence[RoleMapping], revoked: Sequence[RoleMapping]
    ) -> Sequence[AccessEvent]:
        events = [await self._event(row, "sign_in.changed", row.id, {})]
        events += [await self._role_event(row, "role.granted", mapping) for mapping in granted]
        return events + [await self._role_event(row, "role.revoked", mapping) for mapping in revoked]

    async def _terms(self, account_id: str, mappings: Sequence[RoleMapping]) -> Mapping[str, bytes]:
        """Return the keyed hashes of the agents' names, by which recordings are found."""
        names = {name for mapping in mappings for name in mapping.agents}
        if not names:
            return {}
        index_key = await self.data_keys.index_key(account_id)
        return {name: name_term(index_key, "agent", name) for name in names}

    async def _role_event(self, row: SealedConnection, kind: EventType, mapping: RoleMapping) -> AccessEvent:
        detail = {"connection": row.name, "value": mapping.value, "role": mapping.role}
        if mapping.agents:
            detail["agents"] = ", ".join(mapping.agents)
        return await self._event(row, kind, mapping.id, detail)

    async def _event(
        self, row: SealedConnection, kind: EventType, result: str, detail: Mapping[str, str]
    ) -> AccessEvent:
        event = AccessEvent(
            type=kind,
            at=row.changed_at,
            account_id=account_of(row.account_id),
            actor=row.changed_by,
            result=result,
        )
        sealed = await self.data_keys.seal_detail(
            row.account_id, event.id, detail or {"connection": row.name}
        )
        return replace(event, sealed_detail=sealed)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Change:
    """A change that is ready to be written. It has no repr: it has a secret."""

    wanted: SealedConnection
    actor: str
    #: Whether it gives a role, or lets another provider, client or claim say who somebody is.
    opens: bool
    before: ProviderSettings | None
    settings: ProviderSettings
    granted: Sequence[RoleMapping]
    revoked: Sequence[RoleMapping]
    #: The keyed hash of each agent's name.
    agents: Mapping[str, bytes]
    events: Sequence[AccessEvent]


def _write(tx: Transaction, change: _Change, approved: Approved | None) -> bool:
    """Write a change; False if the connection was changed since it was read. Raises as ``require_approval`` does."""
    account_id, wanted = change.wanted.account_id, change.wanted
    tx.lock_account(account_id, exclusive=True)
    require_room(wanted, tx.sign_in.of_account(account_id))
    if change.before is not None and change.before.issuer != change.settings.issuer:
        require_untold(tx, account_id, wanted.id)
    if not tx.sign_in.put(wanted):
        return False
    if change.opens:
        counts = {"granted": len(change.granted), "revoked": len(change.revoked)}
        effect = {"from_revision": wanted.revision - 1, **counts}
        require_approval(tx, account_id, "sign_in_connection", approved, effect)
    for mapping in change.revoked:
        tx.sign_in.revoke(mapping.id)
    tx.sign_in.grant(account_id, wanted.id, change.granted, change.agents)
    apply_roles(tx, account_id, at=wanted.changed_at, actor=change.actor)
    for event in change.events:
        tx.events.append(event)
    if change.before is not None and not change.revoked:
        # Mappings that an earlier request took away, whose objects are not known to be stored.
        tx.closing_acts.recall(account_of(account_id), "role.revoked")
    return True


def _with_secret(change: ConnectionChange, before: ProviderSettings | None) -> ProviderSettings:
    wanted = change.settings
    # The secret of one provider is never sent to another one, and a key is known to one provider.
    kept = before if is_same_client(before, wanted) else None
    if change.own_key:
        key = None if kept is None else kept.client_key
        return replace(wanted, client_secret=None, client_key=key or new_client_key())
    if kept is None or not change.keep_secret:
        return wanted
    return replace(wanted, client_secret=kept.client_secret)


def _shown(row: SealedConnection, settings: ProviderSettings) -> SignInConnection:
    values = {name: getattr(row, name) for name in SignInConnection.__slots__ if name != "settings"}
    return SignInConnection(**values, settings=settings)
