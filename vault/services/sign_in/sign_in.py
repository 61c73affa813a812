"""Sign in at a provider: begin an attempt, finish it with a session, and end sessions when the provider says so."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.sign_in.sign_in import StoredAttempt
from vault.database.transaction import Transaction
from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import Token, new_id
from vault.domain.sign_in.attempt import LIFE, Attempt, own_path
from vault.domain.sign_in.connection import PersonRow, Profile, SignInConnection, account_of
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.seen_claims import SeenClaims
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.services.shared.people_keys import IdentifyPeople, PeopleKeys
from vault.services.shared.revoke_links import apply_roles
from vault.services.sign_in.ask_provider import AskProvider, Identified, ProviderAnswer
from vault.services.sign_in.group_roles import GroupRoles, ProvisioningHashes, with_group_roles
from vault.services.sign_in.opened_connections import OpenedConnections
from vault.services.sign_in.person_session import (
    insert_session,
    open_session,
    require_provisioned,
    session_of,
)
from vault.services.sign_in.provider_documents import ProviderCheck
from vault.services.sign_in.session_ends import log_ends


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Begun:
    """The address at the provider, and the secrets of the attempt."""

    address: str
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignedInAtProvider:
    """A session, and the page to show."""

    session: ConsoleSession
    #: For the cookie of a new session; None if it is the one that the browser has.
    secret: Token | None
    return_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Sign people in by a sign-in connection."""

    database: Database
    data_keys: PeopleKeys
    opened: OpenedConnections
    provider: AskProvider
    identify_people: IdentifyPeople
    hashes: ProvisioningHashes
    clock: Clock

    async def check_provider(self, issuer: str, scopes: Sequence[str], claim: str) -> ProviderCheck:
        """Return what is wrong with the documents of a provider, before people sign in there."""
        return await self.provider.documents.check(issuer, scopes, claim)

    async def last_claims(self, account_id: str, name: str) -> SeenClaims | None:
        """Return which claims the last sign-in by a connection carried; None before the first.

        Raises NotFound, Tampered, Unavailable.
        """
        sealed = await self.database.read(lambda tx: tx.sign_in.last_claims(account_id, name))
        return await self.opened.open_claims(account_id, sealed)

    async def begin(self, connection_id: str, *, return_path: str | None, fresh: bool = False) -> Begun:
        """Begin an attempt; ``fresh``: the provider asks the person again, for a verification.

        Raises NotFound, SignInRefused if the provider's documents are not valid, Unavailable.
        """
        connection = await self._connection(connection_id)
        attempt = Attempt.new()
        address = await self.provider.address(connection, attempt, fresh=fresh)
        now = self.clock()
        row = StoredAttempt(
            connection_id=connection_id,
            secret_hash=attempt.secret.digest,
            return_path=own_path(return_path),
            ends_at=now + LIFE,
        )
        await self.database.write(lambda tx: tx.sign_in.begin(attempt.state.digest, row, now))
        return Begun(address=address, attempt=attempt)

    async def finish(
        self,
        connection_id: str,
        answer: ProviderAnswer,
        *,
        secret: str,
        current: ConsoleSession | None = None,
        address: str | None,
        agent: str,
    ) -> SignedInAtProvider:
        """Finish an attempt with a session. The person is (connection, issuer, subject), never an e-mail address.

        ``secret``: of the browser's cookie. The ``current`` session of the browser goes on if it is the person's.
        Raises NotFound, SignInRefused, which is logged if the attempt was ours, Unavailable.
        """
        connection = await self._connection(connection_id)
        attempt = Attempt(state=Token(answer.state), secret=Token(secret))
        stored = await self.database.write(lambda tx: tx.sign_in.take(attempt.state.digest))
        if (
            stored is None
            or stored.connection_id != connection_id
            or stored.ends_at <= self.clock()
            or not hmac.compare_digest(stored.secret_hash, attempt.secret.digest)
        ):
            raise SignInRefused("state")
        detail = {"address": address or "", "user_agent": agent[:200], "connection": connection.name}
        try:
            found = await self.provider.identify(connection, attempt, answer)
            return await self._begin(connection, found, detail, stored.return_path, current)
        except SignInRefused as refused:
            event = await self._event(connection, "console.refused", refused.failed, connection.id, detail)
            await self.database.write(lambda tx: tx.events.append(event))
            raise

    async def end_address(self, connection_id: str) -> str | None:
        """Return the address at which a person ends the session at the provider; None if the provider has none.

        Raises NotFound, SignInRefused if the provider's documents are not valid, Unavailable.
        """
        return await self.provider.end_address(await self._connection(connection_id))

    async def log_out(self, connection_id: str, token: str) -> None:
        """End the sessions that a logout token names, by the provider's session or else by the person.

        Raises NotFound, SignInRefused, also for a token that was taken before, Unavailable.
        """
        connection = await self._connection(connection_id)
        checked = await self.provider.check_logout(connection, token)
        digest = hashlib.sha256(f"{connection_id} {checked.id}".encode()).digest()
        sid = None if checked.session is None else await self._sid(connection, checked.session)
        person = None if checked.subject is None else await self.opened.person_id(connection, checked.subject)

        def end(tx: Transaction) -> None:
            now = self.clock()
            if not tx.sign_in.take_once(digest, connection_id, checked.ends_at, now):
                raise SignInRefused("replay")
            ended = tx.person_sessions.end_sid(sid, now) if sid else tx.person_sessions.end(person or "", now)
            log_ends(tx, connection.account_id, ended, actor=connection.id, at=now, reason="provider_logout")

        await self.database.write(end)

    async def _begin(
        self,
        connection: SignInConnection,
        found: Identified,
        detail: Mapping[str, str],
        return_path: str,
        current: ConsoleSession | None,
    ) -> SignedInAtProvider:
        account_id, now, secret = connection.account_id, self.clock(), Token.new()
        await self.identify_people(account_id)
        person = await self._person(connection, found, now)
        sid = None if found.session is None else await self._sid(connection, found.session)
        session = session_of(person, now, sid=sid, verified_at=found.verified_at)
        detail = {**detail, "name": found.name}
        event = await self._event(connection, "console.signed_in", "provider", person.id, detail, at=now)
        setting = await self.database.read(lambda tx: tx.provisioning.get(account_id))
        roles = {} if setting is None else await self.hashes.group_roles(setting, connection)
        seen = SeenClaims(
            at=now, names=found.claim_names, has_claim=found.has_claim, has_role=bool(found.role_ids)
        )
        sealed_claims = await self.opened.seal_claims(account_id, seen)

        def insert(tx: Transaction) -> ConsoleSession:
            tx.lock_account(account_id)
            admitted = _admit(tx, person, roles)
            tx.sign_in.note_claims(connection.id, sealed_claims)
            begun = open_session(tx, None if current is None else current.id, person.id, now)
            if begun is None:
                begun = insert_session(tx, admitted, session, secret.digest)
            else:
                tx.console_sessions.signed_in_again(begun.id, sid=sid, verified_at=found.verified_at)
            # A role that the provider no longer says is gone in the person's other sessions too.
            apply_roles(tx, account_id, person.id, at=now, actor=connection.id)
            tx.events.append(replace(event, session_id=begun.id))
            return begun

        begun = await self.database.write(insert)
        is_new = begun.id == session.id
        return SignedInAtProvider(session=begun, secret=secret if is_new else None, return_path=return_path)

    async def _event(
        self,
        connection: SignInConnection,
        type_: EventType,
        result: str,
        actor: str,
        detail: Mapping[str, str],
        *,
        at: datetime | None = None,
    ) -> AccessEvent:
        event_id, account_id = new_id("evt"), connection.account_id
        return AccessEvent(
            type=type_,
            id=event_id,
            at=at or self.clock(),
            account_id=account_of(account_id),
            actor=actor,
            result=result,
            sealed_detail=await self.data_keys.seal_detail(account_id, event_id, detail),
        )

    async def _person(self, connection: SignInConnection, found: Identified, now: datetime) -> PersonRow:
        profile = Profile(name=found.name, issuer=connection.settings.issuer, subject=found.subject)
        return PersonRow(
            id=await self.opened.person_id(connection, found.subject),
            account_id=connection.account_id,
            connection_id=connection.id,
            sealed_profile=await self.opened.seal_profile(connection.account_id, profile),
            role_ids=found.role_ids,
            first_at=now,
            last_at=now,
            removed_at=None,
            identity=await self.data_keys.identity(connection.account_id, *found.stable_subject),
        )

    async def _connection(self, connection_id: str) -> SignInConnection:
        row = await self.database.read(lambda tx: tx.sign_in.get(connection_id))
        if row is None:
            raise NotFound("There is no such sign-in connection.")
        return await self.opened.open(row)

    async def _sid(self, connection: SignInConnection, session: str) -> str:
        return await self.opened.hashed(connection, "sid", session)


def _admit(tx: Transaction, person: PersonRow, roles: GroupRoles) -> PersonRow:
    """Write a person who signs in, and return the person with the roles of now. Raises SignInRefused."""
    account_id = person.account_id
    if tx.sign_in.get(person.connection_id or "") is None:
        raise SignInRefused("state")  # The connection was deleted meanwhile.
    same = (tx.people.get(account_id, person.id), *tx.people.same(account_id, person.identity or ""))
    if any(one is not None and one.removed_at is not None for one in same):
        # Removed is the human, whatever connection he comes by.
        raise SignInRefused("removed")
    setting = tx.provisioning.get(account_id)
    require_provisioned(tx, person, setting)
    admitted = with_group_roles(tx, person, setting, roles)
    tx.people.put(admitted)
    return admitted
