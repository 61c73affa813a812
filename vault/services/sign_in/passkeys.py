"""Make a passkey at the address of an invitation, and sign in with one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Account
from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import Token
from vault.domain.sign_in.challenge import Purpose
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.invitation import Invitation
from vault.domain.sign_in.passkey import (
    Assertion,
    Used,
    check_assertion,
    check_registration,
    read_assertion,
)
from vault.domain.sign_in.refusals import SignInRefused
from vault.ports.clock import Clock
from vault.services.shared.people_keys import PeopleKeys
from vault.services.sign_in.opened_connections import OpenedConnections
from vault.services.sign_in.passkey_proofs import PasskeyProofs, owner_of
from vault.services.sign_in.person_events import event_of, with_detail
from vault.services.sign_in.person_session import insert_session, session_of


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignedInByPasskey:
    """A new session, and the secret for its cookie."""

    session: ConsoleSession
    secret: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What the page of an invitation shows and asks a browser for."""

    account_id: str
    #: Of the person, and of the account as its people call it.
    name: str
    company: str
    user_handle: bytes
    #: Those of the person: a device does not make a second one.
    credential_ids: tuple[bytes, ...]
    #: Later than now while the address waits.
    invitation: Invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """From where somebody signs in, for the log."""

    address: str | None
    agent: str

    @property
    def detail(self) -> Mapping[str, str]:
        """Return the sealed detail of an event."""
        return {"address": self.address or "", "user_agent": self.agent[:200]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkeys:
    """Make passkeys, and sign people in with them."""

    database: Database
    data_keys: PeopleKeys
    opened: OpenedConnections
    proofs: PasskeyProofs
    clock: Clock

    async def challenge(self, purpose: Purpose, bound_to: str) -> bytes:
        """Return a challenge that is good for five minutes, in what only one browser or session has."""
        return self.proofs.challenge(purpose, bound_to)

    async def welcome(self, token: str) -> Welcome:
        """Return what the address of an invitation is for. Raises SignInRefused unless it is open or waits."""
        digest, now = Token(token).digest, self.clock()

        def read(tx: Transaction) -> tuple[Invitation, PersonRow, tuple[bytes, ...], Account | None]:
            invitation, person = _open(tx, digest, now, waits=True)
            own = tx.passkeys.of_person(person.account_id, person.id)
            account = tx.accounts.find(person.account_id)
            return invitation, person, tuple(one.credential_id for one in own), account

        invitation, person, own, account = await self.database.read(read)
        profile = await self.opened.open_profile(person)
        return Welcome(
            account_id=person.account_id,
            name="" if profile is None else profile.name,
            company="" if account is None else account.name,
            user_handle=person.user_handle or b"",
            credential_ids=own,
            invitation=invitation,
        )

    async def accept(
        self, token: str, answer: str, *, name: str | None, browser: Browser
    ) -> SignedInByPasskey:
        """Use up an invitation: store the passkey that the browser made, and begin a session. Raises SignInRefused.

        All other passkeys of the person are removed: the address takes the place of lost ones.
        """
        digest, now = Token(token).digest, self.clock()
        invitation, person = await self.database.read(lambda tx: _open(tx, digest, now))
        made = check_registration(answer, self.proofs.site)
        end = self.proofs.check(made.challenge, "invitation", token)
        passkey = await self.proofs.passkey(person, made, name, now)
        session, secret = session_of(person, now, verified_at=now), Token.new()
        events = [
            event_of(person, "invitation.ended", invitation.id, actor=person.id, at=now),
            event_of(person, "passkey.added", passkey.id, actor=person.id, at=now),
            await self._signed_in(person, session, browser, now),
        ]

        def accept(tx: Transaction) -> ConsoleSession:
            tx.lock_account(person.account_id, exclusive=True)
            _, current = _open(tx, digest, now)
            self.proofs.use_up(tx, made.challenge, end, now)
            tx.member_invitations.end(person.account_id, invitation.id, now)
            for other in tx.passkeys.of_person(person.account_id, person.id):
                tx.passkeys.delete(person.account_id, other.id)
                tx.events.append(event_of(person, "passkey.removed", other.id, actor=person.id, at=now))
            if not tx.passkeys.insert(passkey):
                raise SignInRefused("passkey_form")
            return self._begin(tx, current, session, secret, events)

        return SignedInByPasskey(session=await self.database.write(accept), secret=secret)

    async def sign_in(self, answer: str, *, bound_to: str, browser: Browser) -> SignedInByPasskey:
        """Begin a session with a passkey.

        Raises SignInRefused: ``passkey`` for one that is not known, is of somebody removed, or whose signature is
        wrong. A refusal of a passkey that is known is logged.
        """
        assertion, now = read_assertion(answer), self.clock()
        found = await self.database.read(lambda tx: owner_of(tx, assertion))
        if found is None:
            raise SignInRefused("passkey")
        passkey, person = found
        try:
            used = check_assertion(assertion, passkey.public_key, self.proofs.site)
            end = self.proofs.check(assertion.challenge, "sign_in", bound_to)
            return await self._sign_in(person, assertion, used, end, browser)
        except SignInRefused as refused:
            event = await self._event(person, "console.refused", refused.failed or "", now, browser)
            await self.database.write(lambda tx: tx.events.append(event))
            raise

    async def _sign_in(
        self, person: PersonRow, assertion: Assertion, used: Used, end: datetime, browser: Browser
    ) -> SignedInByPasskey:
        now = self.clock()
        session, secret = session_of(person, now, verified_at=now), Token.new()
        event = await self._signed_in(person, session, browser, now)

        def begin(tx: Transaction) -> ConsoleSession:
            tx.lock_account(person.account_id)
            _, current = self.proofs.used(tx, assertion, used, end, now)
            return self._begin(tx, current, session, secret, [event])

        return SignedInByPasskey(session=await self.database.write(begin), secret=secret)

    def _begin(
        self,
        tx: Transaction,
        person: PersonRow,
        session: ConsoleSession,
        secret: Token,
        events: list[AccessEvent],
    ) -> ConsoleSession:
        tx.people.signed_in(person.id, session.created_at)
        begun = insert_session(tx, person, session, secret.digest)
        for event in events:
            tx.events.append(event)
        return begun

    async def _signed_in(
        self, person: PersonRow, session: ConsoleSession, browser: Browser, now: datetime
    ) -> AccessEvent:
        event = await self._event(person, "console.signed_in", "passkey", now, browser)
        return replace(event, session_id=session.id)

    async def _event(
        self, person: PersonRow, kind: EventType, result: str, at: datetime, browser: Browser
    ) -> AccessEvent:
        event = event_of(person, kind, result, actor=person.id, at=at)
        return await with_detail(self.data_keys, event, browser.detail)


def _open(
    tx: Transaction, digest: bytes, now: datetime, *, waits: bool = False
) -> tuple[Invitation, PersonRow]:
    """Return an invitation that can be used, with its person; ``waits``: also one whose time has not come.

    Raises SignInRefused, the same for every reason.
    """
    found = tx.member_invitations.find(digest)
    person = None if found is None else tx.people.get(found.account_id, found.person_id)
    if found is None or person is None or person.removed_at is not None or not person.is_invited:
        raise SignInRefused("invitation")
    if not found.is_open(max(now, found.starts_at) if waits else now):
        raise SignInRefused("invitation")
    return found, person
