"""Connect an account to the directory of a company by SCIM: the setting, and the tokens that the provider sends."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Account, Scope
from vault.domain.accounts.roles import scopes_of
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import Token, new_id
from vault.domain.public_urls import PublicUrls
from vault.domain.requests.request import BEGUN, RequestState
from vault.domain.sign_in.provisioning import (
    ANY,
    MAX_TOKENS,
    USE_NOTED_EVERY,
    Provisioning,
    ProvisioningToken,
    RolesFrom,
)
from vault.errors import Invalid, NotAuthentic, NotFound, Refused
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.revoke_links import apply_roles
from vault.services.sign_in.group_roles import drop_group_roles
from vault.services.sign_in.provisioned_groups import ProvisionedGroups
from vault.services.sign_in.provisioned_users import ProvisionedUsers

#: What the text of a token begins with, and its maximum length.
PREFIX: Final = "cvp_"
_MAX_LENGTH: Final = 256
_NONE: Final = "There is no provisioning."


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProvisioning:
    """The setting with the name of its connection, and the tokens that are good."""

    setting: Provisioning
    #: None if the connection was deleted: nobody signs in by it.
    connection: str | None
    tokens: Sequence[ProvisioningToken]
    users: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimCaller:
    """A directory that sent a good token, and the account."""

    account: Account
    token: ProvisioningToken
    setting: Provisioning
    closure: RequestState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisionings:
    """Set, show and delete the provisioning of an account; make, check and revoke its tokens."""

    database: Database
    users: ProvisionedUsers
    groups: ProvisionedGroups
    clock: Clock
    urls: PublicUrls

    async def get(self, account_id: str) -> ShownProvisioning:
        """Return the setting with its tokens. Raises NotFound."""
        return await self.database.read(lambda tx: _shown(tx, account_id))

    async def set(
        self, account_id: str, *, connection: str, roles_from: RolesFrom, revokes_links: bool, actor: str
    ) -> ShownProvisioning:
        """Let a directory tell who signs in by a connection: from now on nobody else does.

        Raises Invalid for an unknown connection, and Refused for another connection or origin of roles than before:
        what was told belongs to the first one.
        """

        def write(tx: Transaction) -> ShownProvisioning:
            tx.lock_account(account_id, exclusive=True)
            found, now, before = (
                tx.sign_in.find(account_id, connection),
                tx.now(),
                tx.provisioning.get(account_id),
            )
            if found is None:
                raise Invalid("There is no such sign-in connection.", field="connection")
            if before is not None and (before.connection_id, before.roles_from) != (found.id, roles_from):
                text = (
                    "connection and roles_from stay what they are. Delete the provisioning and make it again."
                )
                raise Refused(text, reasons=("provisioned_already",))
            if roles_from != "claim" and tx.approval_rules.get(account_id).gates("sign_in_connection"):
                text = "The account wants a second person to give roles, and a group gives them alone: use claim."
                raise Refused(text, reasons=("approval_rule",), field="roles_from")
            setting = Provisioning(
                account_id=account_id, connection_id=found.id, roles_from=roles_from,
                revokes_links=revokes_links, revision=1 if before is None else before.revision + 1,
                changed_at=now, changed_by=actor,
            )  # fmt: skip
            tx.provisioning.put(setting)
            tx.events.append(_event(setting, "provisioning.changed", found.id, actor))
            return _shown(tx, account_id)

        return await self.database.write(write)

    async def delete(self, account_id: str, *, actor: str) -> None:
        """Delete the setting, all that was told, and the tokens: the provider alone says who signs in.

        Roles that groups gave end. Raises NotFound.
        """

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            setting = tx.provisioning.get(account_id)
            if setting is None:
                if tx.closing_acts.recall(account_id, "provisioning_token.revoked"):
                    return
                raise NotFound(_NONE)
            setting = replace(setting, changed_at=tx.now())
            for token in tx.provisioning.tokens(account_id):
                _revoke(tx, setting, token.id, actor)
            if setting.roles_from != "claim":
                drop_group_roles(tx, setting)
                apply_roles(tx, account_id, at=setting.changed_at, actor=actor)
            tx.provisioning.forget(account_id)
            tx.events.append(_event(setting, "provisioning.deleted", setting.connection_id, actor))

        await self.database.write(delete)

    async def issue(self, account_id: str, *, actor: str) -> tuple[ProvisioningToken, Token]:
        """Make a token, whose text is returned once. Raises NotFound, Refused if there are two."""
        token, secret = (
            ProvisioningToken(
                id=new_id("ptok"), account_id=account_id, created_at=self.clock(), created_by=actor,
                last_used_at=None, revoked_at=None,
            ),
            Token.new(),
        )  # fmt: skip

        def issue(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            setting = _require(tx, account_id)
            if len(tx.provisioning.tokens(account_id)) >= MAX_TOKENS:
                text = Sentence(
                    "There are %(most)s tokens. Revoke the one that is not used.", most=MAX_TOKENS
                )
                raise Refused(text, reasons=("too_many",))
            tx.provisioning.insert_token(token, secret.digest)
            now = replace(setting, changed_at=token.created_at)
            tx.events.append(_event(now, "provisioning_token.created", token.id, actor))

        await self.database.write(issue)
        return token, Token(self.urls.labelled(f"{PREFIX}{token.id.removeprefix('ptok_')}_{secret.text}"))

    async def revoke(self, account_id: str, token_id: str, *, actor: str) -> None:
        """Revoke a token from its next request on; a repeated call changes nothing. Raises NotFound."""

        def revoke(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            found = tx.provisioning.token(token_id)
            if found is None or found[0].account_id != account_id:
                raise NotFound("There is no such token.")
            if found[0].revoked_at is not None:
                tx.closing_acts.recall(account_id, "provisioning_token.revoked", token_id)
                return
            _revoke(tx, replace(_require(tx, account_id), changed_at=tx.now()), token_id, actor)

        await self.database.write(revoke)

    async def given_scopes(self, account_id: str) -> frozenset[Scope]:
        """Return every scope that the account's connections give: whoever has a token says who may sign in."""
        roles = await self.database.read(lambda tx: tx.sign_in.roles(account_id))
        return scopes_of(one.role for one in roles.values())

    async def authorize(self, text: str, account: str) -> ScimCaller:
        """Authenticate a directory by its token, for the account that the URL names.

        Raises NotAuthentic, the same for every reason, and NotFound for another account.
        """
        token_id, secret = _split(self.urls.without_label(text))

        def read(tx: Transaction) -> tuple[tuple[ProvisioningToken, bytes] | None, Account | None]:
            return tx.provisioning.token(token_id), tx.accounts.find(account)

        found, named = await self.database.read(read)
        same = hmac.compare_digest(Token(secret).digest, found[1] if found else Token("").digest)
        if found is None or not same or found[0].revoked_at is not None:
            raise NotAuthentic("This token is not valid.")
        token = found[0]
        if named is None or named.id != token.account_id:
            raise NotFound("There is no such account.")

        setting, closure = await self.database.read(lambda tx: _setting_and_closure(tx, named.id))
        if setting is None:
            raise NotAuthentic("This token is not valid.")
        await self._note_use(token)
        return ScimCaller(account=named, token=token, setting=setting, closure=closure)

    async def _note_use(self, token: ProvisioningToken) -> None:
        now = self.clock()
        if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
            await self.database.write(lambda tx: tx.provisioning.note_use(token.id, now))


def _split(text: str) -> tuple[str, str]:
    """Return the id and the secret in a token; both are empty if the text is not one."""
    if not text.startswith(PREFIX) or len(text) > _MAX_LENGTH or not text.isascii():
        return "", ""
    identifier, _, secret = text.removeprefix(PREFIX).partition("_")
    return f"ptok_{identifier}", secret


def _setting_and_closure(tx: Transaction, account_id: str) -> tuple[Provisioning | None, RequestState | None]:
    """Return the setting, and the state of the account's closure if that has begun."""
    newest = tx.closures.newest(account_id)
    state = None if newest is None else newest.request.state
    return tx.provisioning.get(account_id), state if state in BEGUN else None


def _require(tx: Transaction, account_id: str) -> Provisioning:
    setting = tx.provisioning.get(account_id)
    if setting is None:
        raise NotFound(_NONE)
    return setting


def _shown(tx: Transaction, account_id: str) -> ShownProvisioning:
    setting = _require(tx, account_id)
    connection = tx.sign_in.get(setting.connection_id)
    return ShownProvisioning(
        setting=setting,
        connection=None if connection is None else connection.name,
        tokens=tx.provisioning.tokens(account_id),
        users=tx.provisioned_users.count(account_id, ANY),
        groups=tx.provisioned_groups.count(account_id, ANY),
    )


def _revoke(tx: Transaction, setting: Provisioning, token_id: str, actor: str) -> None:
    tx.provisioning.revoke_token(setting.account_id, token_id, setting.changed_at)
    tx.events.append(_event(setting, "provisioning_token.revoked", token_id, actor))


def _event(setting: Provisioning, kind: EventType, result: str, actor: str) -> AccessEvent:
    """Return an event at the time of the setting's last change."""
    return AccessEvent(
        type=kind, at=setting.changed_at, account_id=setting.account_id, actor=actor, result=result
    )
