"""Create, check, list and revoke API keys. A key is ``cv_<id>_<secret>``; only the secret's hash is stored."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.stores.playback.hot_reads import KEY, KEY_AND_ACCOUNT, KeyWithAccount, read_key
from vault.database.transaction import Transaction
from vault.domain.accounts.account import SCOPES, Account, ApiKey
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import Token, new_id
from vault.domain.page import PAGE
from vault.domain.public_urls import PublicUrls
from vault.domain.requests.request import RequestState
from vault.errors import Invalid, NotAuthentic, NotFound
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.revoke_links import stop_key

#: What the text of a key begins with, and its maximum length.
PREFIX: Final = "cv_"
_MAX_LENGTH: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """Create, check, list and revoke API keys."""

    database: Database
    clock: Clock
    urls: PublicUrls

    async def issue(
        self, *, name: str, scopes: Sequence[str], account_id: str | None, actor: str
    ) -> tuple[ApiKey, Token]:
        """Create an API key for one account or for all.

        Return the key and its text, which is never returned again. Raises Invalid for an unknown scope or none.
        """
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            text = Sentence("scopes must contain at least one of: %(names)s.", names=", ".join(SCOPES))
            raise Invalid(text, field="scopes")
        key = ApiKey(
            id=new_id("key"),
            name=name,
            account_id=account_id,
            scopes=frozenset(scopes),
            created_at=self.clock(),
            revoked_at=None,
        )
        secret = Token.new()
        event = AccessEvent(
            type="key.created",
            at=key.created_at,
            account_id=account_id,
            actor=actor,
            result=key.id,
        )

        def insert(tx: Transaction) -> None:
            if account_id is not None:
                # What takes the account to another vault waits, or this does and is refused.
                tx.lock_account(account_id)
            tx.api_keys.insert(key, secret.digest, created_by=actor)
            tx.events.append(event)

        await self.database.write(insert)
        return key, Token(self.urls.labelled(f"{PREFIX}{key.id.removeprefix('key_')}_{secret.text}"))

    async def authenticate(self, text: str) -> ApiKey:
        """Authenticate a request by its API key. Nothing is cached, so a revocation applies to the next request.

        Return the key. Raises NotAuthentic, with the same message for every reason.
        """
        identifier, secret = split_key(self.urls.without_label(text))
        return require_authentic(read_key(await self.database.fetch(KEY, id=identifier)), secret).key

    async def authorize(self, text: str, account: str) -> tuple[ApiKey, Account | None, RequestState | None]:
        """Authenticate as ``authenticate`` does, and find the account that a URL names, with one query.

        The account is None if there is none, or if the key is not for it: callers do not learn which. With the
        state of its closure, if that has begun.
        """
        identifier, secret = split_key(self.urls.without_label(text))
        rows = await self.database.fetch(KEY_AND_ACCOUNT, id=identifier, named=account)
        found = require_authentic(read_key(rows), secret)
        if found.account is None or found.key.account_id not in {None, found.account.id}:
            return found.key, None, None
        return found.key, found.account, found.closure

    async def list(
        self,
        account_id: str | None,
        *,
        after: tuple[datetime, str] | None = None,
        limit: int = PAGE,
        newest_first: bool = False,
    ) -> Sequence[ApiKey]:
        """Return a page of the API keys of one account, or of all accounts for None, including revoked ones.

        Oldest first, unless ``newest_first``: those after the item ``after`` in that order.
        """
        return await self.database.read(
            lambda tx: tx.api_keys.page(account_id, after=after, limit=limit, newest_first=newest_first)
        )

    async def revoke(self, key_id: str, *, account_id: str | None, actor: str) -> None:
        """Revoke an API key, and end what is heard in its console sessions; a repeated call changes nothing.

        Raises NotFound, also for another account's key.
        """
        now = self.clock()

        def revoke(tx: Transaction) -> None:
            found = tx.api_keys.find(key_id)
            if found is None or (account_id is not None and found[0].account_id != account_id):
                raise NotFound("There is no such key.")
            if found[0].revoked_at is not None:
                tx.closing_acts.recall(found[0].account_id, "key.revoked", key_id)
                return
            if found[0].account_id is not None:
                tx.lock_account(found[0].account_id)
            tx.api_keys.revoke(key_id, now)
            stop_key(tx, key_id, at=now, actor=actor)
            tx.events.append(
                AccessEvent(
                    type="key.revoked",
                    at=now,
                    account_id=found[0].account_id,
                    actor=actor,
                    result=key_id,
                )
            )

        await self.database.write(revoke)


def split_key(text: str) -> tuple[str, str]:
    """Return the id and the secret in an API key; both are empty if the text is not one."""
    if not text.startswith(PREFIX) or len(text) > _MAX_LENGTH or not text.isascii():
        return "", ""
    identifier, _, secret = text.removeprefix(PREFIX).partition("_")
    return f"key_{identifier}", secret


def require_authentic(found: KeyWithAccount | None, secret: str) -> KeyWithAccount:
    """Return the key if the secret is right and it is not revoked. Raises NotAuthentic, the same for every reason."""
    expected = found.secret_hash if found else Token("").digest
    same = hmac.compare_digest(Token(secret).digest, expected)
    if found is None or not same or found.key.revoked_at is not None:
        raise NotAuthentic("This API key is not valid.")
    return found
