"""Passkeys of invited people, and the addresses at which they make them."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from vault.database.account_parts.members import passkey_row
from vault.database.account_parts.part import account_changed, of_row, row_of
from vault.database.schema.outbox import outbox_attempts, outbox_messages
from vault.database.schema.sign_in import member_invitations, passkeys, people
from vault.database.sql.dialect import insert_new
from vault.database.stores.rows import Rows
from vault.domain.outbox.attempt import Outcome
from vault.domain.sign_in.invitation import Invitation
from vault.domain.sign_in.invitation_mail import KIND
from vault.domain.sign_in.passkey import Passkey

_K, _I = passkeys.c, member_invitations.c
_T, _M = outbox_attempts.c, outbox_messages.c


class PasskeyRows(Rows):
    """Passkeys of one transaction."""

    def insert(self, passkey: Passkey) -> bool:
        """Insert a passkey; False if its credential is known already. The account's object becomes due."""
        self._changed(passkey.account_id, passkey.person_id)
        return bool(insert_new(self._db, passkeys, passkey_row(passkey)))

    def find(self, credential_id: bytes) -> Passkey | None:
        """Return a passkey of any account by the id of its credential."""
        digest = hashlib.sha256(credential_id).digest()
        return self._first(passkeys.c.credential_hash == digest)

    def lock(self, account_id: str, passkey_id: str) -> Passkey | None:
        """Return a passkey of an account; nobody changes it until the end of the transaction."""
        return self._first((_K.account_id == account_id) & (_K.id == passkey_id), locked=True)

    def of_person(self, account_id: str, person_id: str) -> Sequence[Passkey]:
        """Return the passkeys of a person, oldest first."""
        mine = (_K.account_id == account_id) & (_K.person_id == person_id)
        query = select(passkeys).where(mine).order_by(_K.created_at, _K.id)
        return [of_row(Passkey, row) for row in self._db.execute(query).mappings()]

    def counts(self, account_id: str, person_ids: Sequence[str]) -> Mapping[str, int]:
        """Return how many passkeys these people have; who has none is missing."""
        mine = (_K.account_id == account_id) & _K.person_id.in_(person_ids)
        query = select(_K.person_id, func.count().label("passkeys")).where(mine).group_by(_K.person_id)
        return {row.person_id: row.passkeys for row in self._db.execute(query)}

    def owners(self, account_id: str) -> frozenset[str]:
        """Return the ids of an account's people who have a passkey."""
        query = select(_K.person_id).where(_K.account_id == account_id).distinct()
        return frozenset(self._db.execute(query).scalars())

    def use(self, passkey_id: str, *, sign_count: int, is_backed_up: bool, at: datetime) -> None:
        """Note what an authenticator said with a sign-in. It is not in the account's object."""
        values = {"sign_count": sign_count, "is_backed_up": is_backed_up, "last_used_at": at}
        self._db.execute(update(passkeys).where(_K.id == passkey_id).values(values))

    def delete(self, account_id: str, passkey_id: str) -> bool:
        """Delete a passkey; False if there is none. The account's object becomes due."""
        mine = (_K.account_id == account_id) & (_K.id == passkey_id)
        person_id = self._db.execute(delete(passkeys).where(mine).returning(_K.person_id)).scalar()
        if person_id is None:
            return False
        self._changed(account_id, person_id)
        return True

    def _changed(self, account_id: str, person_id: str) -> None:
        mine = (people.c.id == person_id) & (people.c.account_id == account_id)
        self._db.execute(update(people).where(mine).values(revision=people.c.revision + 1))
        account_changed(self._db, account_id)

    def _first(self, condition: Any, *, locked: bool = False) -> Passkey | None:
        query = select(passkeys).where(condition)
        row = self._db.execute(query.with_for_update() if locked else query).mappings().first()
        return None if row is None else of_row(Passkey, row)


class InvitationRows(Rows):
    """Addresses at which people make passkeys, of one transaction."""

    def insert(self, invitation: Invitation, secret_hash: bytes) -> None:
        """Insert an address by the hash of its secret."""
        self._db.execute(insert(member_invitations).values(row_of(invitation, secret_hash=secret_hash)))

    def find(self, secret_hash: bytes) -> Invitation | None:
        """Return an address by its secret."""
        return self._first(member_invitations.c.secret_hash == secret_hash)

    def get(self, account_id: str, invitation_id: str) -> Invitation | None:
        """Return an address of an account, also one that was used or revoked."""
        return self._first((_I.account_id == account_id) & (_I.id == invitation_id))

    def open(self, account_id: str, person_ids: Sequence[str], now: datetime) -> Sequence[Invitation]:
        """Return the addresses of these people that can be used now or later."""
        mine = (_I.account_id == account_id) & _I.person_id.in_(person_ids)
        mine &= _I.ended_at.is_(None) & (_I.ends_at > now)
        query = select(member_invitations).where(mine).order_by(_I.created_at, _I.id)
        return [of_row(Invitation, row) for row in self._db.execute(query).mappings()]

    def open_by(self, account_id: str, makers: Sequence[str], now: datetime) -> Sequence[str]:
        """Return the ids of addresses that these people and keys issued, and that can be used now or later."""
        theirs = (_I.account_id == account_id) & _I.created_by.in_(makers)
        theirs &= _I.ended_at.is_(None) & (_I.ends_at > now)
        return self._db.execute(select(_I.id).where(theirs).order_by(_I.id)).scalars().all()

    def unmailed(self, account_id: str, now: datetime) -> int:
        """Count the addresses that can be used now or later and whose mail nobody took, and that is not tried again."""
        destination = f"{KIND}/" + _I.person_id
        attempts = select(_T.id).where(_T.destination == destination, _T.id == _I.id)
        waiting = select(_M.id).where(_M.destination == destination, _M.id == _I.id)
        mine = (_I.account_id == account_id) & _I.ended_at.is_(None) & (_I.ends_at > now)
        mine &= (
            attempts.exists() & ~attempts.where(_T.outcome == Outcome.ACCEPTED).exists() & ~waiting.exists()
        )
        return self._db.execute(select(func.count()).select_from(member_invitations).where(mine)).scalar_one()

    def show(self, invitation: Invitation, secret_hash: bytes) -> None:
        """Write the secret and the times of an address that nobody has seen."""
        values = row_of(invitation, secret_hash=secret_hash)
        mine = (_I.account_id == invitation.account_id) & (_I.id == invitation.id)
        self._db.execute(update(member_invitations).where(mine).values(values))

    def end(self, account_id: str, invitation_id: str, at: datetime) -> bool:
        """Note that an address was used or revoked; False if it is not open any more, or is not there."""
        mine = (_I.account_id == account_id) & (_I.id == invitation_id) & _I.ended_at.is_(None)
        return bool(self._db.execute(update(member_invitations).where(mine).values(ended_at=at)).rowcount)

    def _first(self, condition: Any) -> Invitation | None:
        row = self._db.execute(select(member_invitations).where(condition)).mappings().first()
        return None if row is None else of_row(Invitation, row)
