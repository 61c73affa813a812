"""What people do with their own passkeys in a session: prove it again, add one, remove one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.passkey import Passkey, check_assertion, check_registration, read_assertion
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.step_up import is_fresh
from vault.errors import NotFound, Refused
from vault.ports.clock import Clock
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import PeopleKeys
from vault.services.sign_in.passkey_proofs import PasskeyProofs
from vault.services.sign_in.person_events import event_of

#: Passkeys of one person.
MAX_PASSKEYS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPasskey:
    """A passkey with its opened name."""

    row: Passkey
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPasskeys:
    """List, add and remove the passkeys of the person of a session."""

    database: Database
    data_keys: PeopleKeys
    proofs: PasskeyProofs
    clock: Clock

    async def list(self, account_id: str, person_id: str) -> Sequence[OwnPasskey]:
        """Return the passkeys of a person, oldest first. Raises NotFound for a person of a provider."""
        rows = await self.database.read(lambda tx: _rows(tx, account_id, person_id))
        return [
            OwnPasskey(row=row, name=await self.data_keys.open_words(account_id, "member", row.sealed_name))
            async for row in paced(rows)
        ]

    async def user_handle(self, account_id: str, person_id: str) -> bytes:
        """Return what a new passkey has in place of a name. Raises NotFound for a person of a provider."""
        person = await self.database.read(lambda tx: _invited(tx, account_id, person_id))
        return person.user_handle or b""

    async def verify(self, session: ConsoleSession, answer: str) -> None:
        """Note that the person of a session has just proved a passkey. Raises SignInRefused."""
        assertion, now = read_assertion(answer), self.clock()
        account_id, person_id = session.account_id or "", session.person_id or ""
        own = await self.database.read(lambda tx: _rows(tx, account_id, person_id))
        passkey = next((one for one in own if one.credential_id == assertion.credential_id), None)
        if passkey is None:
            raise SignInRefused("passkey")
        used = check_assertion(assertion, passkey.public_key, self.proofs.site)
        end = self.proofs.check(assertion.challenge, "verify", session.id)

        def verify(tx: Transaction) -> None:
            _, person = self.proofs.used(tx, assertion, used, end, now)
            if (person.account_id, person.id) != (account_id, person_id):
                raise SignInRefused("passkey")
            tx.console_sessions.verified(session.id, now)

        await self.database.write(verify)

    async def add(self, session: ConsoleSession, answer: str, *, name: str | None) -> None:
        """Store another passkey. Raises Refused without a fresh proof or with too many passkeys, SignInRefused."""
        now, account_id = self.clock(), session.account_id or ""
        require_fresh(session, now)
        person = await self.database.read(lambda tx: _invited(tx, account_id, session.person_id or ""))
        made = check_registration(answer, self.proofs.site)
        end = self.proofs.check(made.challenge, "add", session.id)
        passkey = await self.proofs.passkey(person, made, name, now)
        event = event_of(person, "passkey.added", passkey.id, actor=person.id, at=now)

        def add(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            if len(_rows(tx, account_id, person.id)) >= MAX_PASSKEYS:
                raise Refused("You have 20 passkeys. Remove one first.", reasons=("too_many",))
            self.proofs.use_up(tx, made.challenge, end, now)
            if not tx.passkeys.insert(passkey):
                raise SignInRefused("passkey_form")
            tx.events.append(event)

        await self.database.write(add)

    async def remove(self, account_id: str, person_id: str, passkey_id: str, *, actor: str) -> None:
        """Remove a passkey, but not the last one. A repeated call changes nothing. Raises NotFound, Refused."""
        now = self.clock()

        def remove(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            person = _invited(tx, account_id, person_id)
            own = [one.id for one in tx.passkeys.of_person(account_id, person_id)]
            if passkey_id not in own:
                if tx.closing_acts.recall(account_id, "passkey.removed", passkey_id):
                    return
                raise NotFound("There is no such passkey.")
            if len(own) == 1:
                text = "This is the last passkey: without it you cannot sign in. Add another one first."
                raise Refused(text, reasons=("last_passkey",))
            tx.passkeys.delete(account_id, passkey_id)
            tx.events.append(event_of(person, "passkey.removed", passkey_id, actor=actor, at=now))

        await self.database.write(remove)


def require_fresh(session: ConsoleSession, now: datetime) -> None:
    """Raise Refused unless the person of a session proved within 15 minutes who it is."""
    if not is_fresh(session, now):
        raise Refused("Confirm first with your passkey that it is you.", reasons=("verification",))


def _invited(tx: Transaction, account_id: str, person_id: str) -> PersonRow:
    person = tx.people.get(account_id, person_id)
    if person is None or not person.is_invited or person.removed_at is not None:
        raise NotFound("There is no such invited person.")
    return person


def _rows(tx: Transaction, account_id: str, person_id: str) -> Sequence[Passkey]:
    _invited(tx, account_id, person_id)
    return tx.passkeys.of_person(account_id, person_id)
