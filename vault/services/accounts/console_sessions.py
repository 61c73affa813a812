"""Sessions of people in the console: sign in with an API key, find, list and end; and the searches of a session.

Nothing is cached: each request reads the session and its key, so that a revoked key, a changed scope and an ended
session apply to the next request. The terms of a search, such as a number, must not appear in a URL. A search is sealed
under a key that is derived from the secret in the session's cookie, so that nobody else can open it, not even with the
database and the root key.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from vault.database.interface import Database
from vault.database.stores.accounts.console_sessions import CONSOLE_SESSION, read_console_session
from vault.database.stores.playback.hot_reads import KEY, read_key
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Account, ApiKey
from vault.domain.accounts.console_session import INVITATION_LIFE, MAX_LENGTH, USE_INTERVAL, ConsoleSession
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import Token, new_id
from vault.domain.page import PAGE
from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.connection import OPERATORS, decode_profile
from vault.errors import NotAuthentic, NotFound
from vault.ports.clock import Clock
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal
from vault.services.accounts.api_keys import require_authentic, split_key
from vault.services.shared.people_keys import PeopleKeys
from vault.services.shared.revoke_links import stop_listening, stop_session

#: How long the row of a session is kept after its end.
_KEPT: Final = timedelta(days=1)
_NO_SESSION: Final = "This session is over. Sign in again."
EndReason = Literal["signed_out", "ended"]
#: How long a search can be shown again.
_SEARCH_LIFE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignedIn:
    """A new session, and the secret for its cookie."""

    session: ConsoleSession
    secret: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSessions:
    """Sign in to the console with an API key; find, list and end sessions."""

    database: Database
    data_keys: PeopleKeys
    clock: Clock
    urls: PublicUrls

    async def sign_in(self, key: str, *, address: str | None, agent: str) -> SignedIn:
        """Begin a session with the text of an API key, which ends with the key.

        A wrong secret of a known key is logged in the key's account. Raises NotAuthentic, the same for every reason.
        """
        identifier, secret = split_key(self.urls.without_label(key))
        found = read_key(await self.database.fetch(KEY, id=identifier))
        detail = {"address": address or "", "user_agent": agent[:200]}
        try:
            known = require_authentic(found, secret).key
        except NotAuthentic:
            if found is not None:
                await self._refuse(found.key, detail)
            raise
        return await self._begin(known, detail, how="api_key")

    async def invite(self, key_id: str) -> Token:
        """Return the token of an address that signs in once with this key, without the key being typed.

        Raises NotFound if the key does not exist or is revoked.
        """
        token, now = Token.new(), self.clock()

        def invite(tx: Transaction) -> None:
            found = tx.api_keys.find(key_id)
            if found is None or found[0].revoked_at is not None:
                raise NotFound("There is no such key.")
            tx.console_sessions.invite(key_id, token.digest, now + INVITATION_LIFE)

        await self.database.write(invite)
        return token

    async def sign_in_once(self, token: str, *, address: str | None, agent: str) -> SignedIn:
        """Begin a session with the token of ``invite``. Raises NotAuthentic if it was used or is over."""
        now, digest = self.clock(), Token(token).digest
        key_id = await self.database.write(lambda tx: tx.console_sessions.accept(digest, now))
        found = None if key_id is None else read_key(await self.database.fetch(KEY, id=key_id))
        if found is None or found.key.revoked_at is not None:
            raise NotAuthentic("This address was used already, or is too old.")
        return await self._begin(found.key, {"address": address or "", "user_agent": agent[:200]}, how="once")

    async def find(self, secret: str, named: str) -> tuple[ConsoleSession, Account | None]:
        """Authenticate a session by the secret in its cookie, and find the account that a URL names.

        The account is None if there is none, or if the session is not for it: callers do not learn which.
        Raises NotAuthentic, the same for every reason.
        """
        rows = await self.database.fetch(CONSOLE_SESSION, secret_hash=Token(secret).digest, named=named)
        found = read_console_session(rows)
        # It ends as soon as either clock says so.
        now = self.clock() if found is None else max(found.now, self.clock())
        if found is None or found.key_is_dead or not found.session.is_open(now):
            raise NotAuthentic(_NO_SESSION)
        session = found.session
        if now >= session.last_used_at + USE_INTERVAL:
            await self.database.write(lambda tx: tx.console_sessions.touch(session.id, now))
        if found.account is None or session.account_id not in {None, found.account.id}:
            return session, None
        return session, found.account

    async def name_of(self, session: ConsoleSession) -> str:
        """Return the name of the person or key that signed in, as links and watermarks show it."""
        if session.person_id is not None:
            return await self._name_of_person(session.account_id or OPERATORS, session.person_id)
        key_id = session.key_id
        found = None if key_id is None else await self.database.read(lambda tx: tx.api_keys.find(key_id))
        return session.actor if found is None else found[0].name

    async def _name_of_person(self, account_id: str, person_id: str) -> str:
        person = await self.database.read(lambda tx: tx.people.get(account_id, person_id))
        sealed = None if person is None else person.sealed_profile
        text = await self.data_keys.open_words(account_id, "member", sealed)
        return person_id if text is None else decode_profile(text).name

    async def list(
        self,
        account_id: str | None,
        *,
        before: tuple[datetime, str] | None = None,
        limit: int = PAGE,
        person_id: str | None = None,
    ) -> Sequence[ConsoleSession]:
        """Return a page of an account's open sessions, or of those of operators for None, the newest first.

        ``person_id``: those of one person alone.
        """
        now = self.clock()
        return await self.database.read(
            lambda tx: tx.console_sessions.open(
                account_id, now, before=before, limit=limit, person_id=person_id
            )
        )

    async def end(
        self, session_id: str, *, account_id: str | None, actor: str, reason: EndReason = "ended"
    ) -> None:
        """End a session; a repeated call changes nothing. Raises NotFound, also for another account's session."""
        now = self.clock()

        def end(tx: Transaction) -> None:
            found = tx.console_sessions.get(session_id)
            if found is None or (account_id is not None and found.account_id != account_id):
                raise NotFound("There is no such session.")
            if found.ended_at is not None:
                tx.closing_acts.recall(found.account_id, "console.ended", session_id)
                return
            tx.console_sessions.end(session_id, now)
            if found.person_id is not None:
                mine = found.account_id or OPERATORS
                stop_listening(tx, mine, found.person_id, at=now, actor=actor, reason=reason)
            else:
                stop_session(tx, session_id, at=now, actor=actor, reason=reason)
            tx.events.append(
                AccessEvent(
                    type="console.ended",
                    at=now,
                    account_id=found.account_id,
                    actor=actor,
                    session_id=session_id,
                    result=reason,
                )
            )

        await self.database.write(end)

    async def _begin(self, key: ApiKey, detail: Mapping[str, str], *, how: str) -> SignedIn:
        now, secret = self.clock(), Token.new()
        session = ConsoleSession(
            id=new_id("cons"),
            account_id=key.account_id,
            key_id=key.id,
            person_id=None,
            sid=None,
            scopes=key.scopes,
            created_at=now,
            last_used_at=now,
            ends_at=now + MAX_LENGTH,
            ended_at=None,
        )
        event = await self._event("console.signed_in", key, now, detail, session_id=session.id, result=how)

        def begin(tx: Transaction) -> None:
            tx.console_sessions.forget(now - _KEPT)
            tx.console_sessions.insert(session, secret.digest)
            tx.events.append(event)

        await self.database.write(begin)
        return SignedIn(session=session, secret=secret)

    async def _refuse(self, key: ApiKey, detail: Mapping[str, str]) -> None:
        why = "wrong_secret" if key.revoked_at is None else "revoked"
        event = await self._event("console.refused", key, self.clock(), detail, session_id=None, result=why)
        await self.database.write(lambda tx: tx.events.append(event))

    async def _event(
        self,
        kind: EventType,
        key: ApiKey,
        at: datetime,
        detail: Mapping[str, str],
        *,
        session_id: str | None,
        result: str,
    ) -> AccessEvent:
        """Return an event with its sealed detail. The events of an operator's key have none: no account seals it."""
        event_id, sealed = new_id("evt"), None
        if key.account_id is not None:
            sealed = await self.data_keys.seal_detail(key.account_id, event_id, detail)
        return AccessEvent(
            type=kind,
            id=event_id,
            at=at,
            account_id=key.account_id,
            actor=key.id,
            session_id=session_id,
            result=result,
            sealed_detail=sealed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSearches:
    """Store and read the searches of a session."""

    database: Database
    clock: Clock

    async def keep(self, session_id: str, secret: str, search: Mapping[str, str]) -> str:
        """Store a search; return its id, which may appear in a URL."""
        search_id, now = new_id("srch"), self.clock()
        sealed = seal(
            _search_key(secret), _search_context(session_id, search_id), json.dumps(dict(search)).encode()
        )
        await self.database.write(
            lambda tx: tx.console_searches.add(
                search_id, session_id, sealed, now=now, expires_at=now + _SEARCH_LIFE
            )
        )
        return search_id

    async def read(self, session_id: str, secret: str, search_id: str) -> Mapping[str, str]:
        """Return a search of this session. Raises NotFound if it is another's, or older than 15 minutes."""
        now = self.clock()
        sealed = await self.database.read(lambda tx: tx.console_searches.get(search_id, session_id, now))
        if sealed is None:
            raise NotFound("This search is over. Search again.")
        search: Mapping[str, str] = json.loads(
            open_message(_search_key(secret), sealed, context=_search_context(session_id, search_id))
        )
        return search


def _search_key(secret: str) -> NamedKey:
    return NamedKey(
        name="console-search", secret=hmac.digest(secret.encode(), b"callvault/console-search", "sha256")
    )


def _search_context(session_id: str, search_id: str) -> Mapping[str, str]:
    return {"purpose": "console-search", "session": session_id, "search": search_id}
