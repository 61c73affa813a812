"""Closing verbs about people who sign in at a provider."""

from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_bytes

from sqlalchemy import select

from tests.support.parties import ME
from tests.support.provider_settings import provider_settings
from tests.support.service_house import House
from vault.database.schema.sign_in import sign_in_roles
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.sign_in.connection import PersonRow, RoleMapping
from vault.domain.sign_in.invitation import MemberTerms
from vault.domain.sign_in.passkey import Passkey
from vault.errors import NotAuthentic
from vault.services.sign_in.sign_in_connections import ConnectionChange


async def sign_in(house: House, name: str) -> str:
    """Connect the account to a provider."""
    settings = provider_settings(RoleMapping(value="staff", role="listener"))
    change = ConnectionChange(settings=settings, keep_secret=False)
    made = await house.vault.sign_in.connections.set(house.account.id, name.replace(" ", "-"), change, **ME)
    return made.name


async def delete_sign_in(house: House, name: str) -> None:
    """Delete the connection."""
    await house.vault.sign_in.connections.delete(house.account.id, name, **ME)


async def sign_in_gone(house: House, name: str) -> bool:
    """Say whether the connection is gone."""
    return await house.database.read(lambda tx: tx.sign_in.find(house.account.id, name)) is None


async def take_role(house: House, name: str) -> None:
    """Take its role away."""
    found = await house.vault.sign_in.connections.get(house.account.id, name)
    change = ConnectionChange(settings=replace(found.settings, roles=()), keep_secret=True)
    await house.vault.sign_in.connections.set(house.account.id, name, change, **ME)


async def role_gone(house: House, name: str) -> bool:
    """Say whether the connection gives no role."""

    def given(tx: Transaction) -> bool:
        row = tx.sign_in.find(house.account.id, name)
        roles = select(sign_in_roles.c.id).where(sign_in_roles.c.connection_id == (row.id if row else ""))
        return tx.connection.execute(roles).first() is not None

    return not await house.database.read(given)


async def member(house: House, name: str) -> str:
    """Let somebody have signed in."""
    person = PersonRow(
        id=f"per_{name}", account_id=house.account.id, connection_id=None, sealed_profile=None, role_ids=(),
        first_at=datetime.now(UTC), last_at=datetime.now(UTC), removed_at=None,
    )  # fmt: skip
    await house.database.write(lambda tx: tx.people.put(person))
    return person.id


async def remove_member(house: House, person_id: str) -> None:
    """Remove the person."""
    await house.vault.sign_in.members.remove(house.account.id, person_id, **ME)


async def is_removed(house: House, person_id: str) -> bool:
    """Say whether the person is removed."""
    person = await house.database.read(lambda tx: tx.people.get(house.account.id, person_id))
    return person is None or person.removed_at is not None


async def console_session(house: House, name: str) -> tuple[str, str]:
    """Begin a session with a key."""
    _, key = await house.vault.accounts.api_keys.issue(
        name=name, scopes=["recordings:read"], account_id=house.account.id, **ME
    )
    begun = await house.vault.accounts.console_sessions.sign_in(key.text, address="192.0.2.1", agent="test")
    return begun.session.id, begun.secret.text


async def end_console_session(house: House, session: tuple[str, str]) -> None:
    """End the session."""
    await house.vault.accounts.console_sessions.end(session[0], account_id=house.account.id, **ME)


async def console_session_over(house: House, session: tuple[str, str]) -> bool:
    """Say whether the session is over."""
    try:
        await house.vault.accounts.console_sessions.find(session[1], house.account.id)
    except NotAuthentic:
        return True
    return False


async def invitation(house: House, name: str) -> tuple[str, str, str]:
    """Invite somebody; return the ids of the person and of the address, and its secret."""
    terms = MemberTerms(name=name, email=None, roles=("auditor",), agents=())
    issued = await house.vault.sign_in.invited_people.invite(house.account.id, terms, **ME)
    return issued.invitation.person_id, issued.invitation.id, issued.token.text


async def revoke_invitation(house: House, made: tuple[str, str, str]) -> None:
    """Revoke the address."""
    await house.vault.sign_in.invitations.revoke(house.account.id, made[0], made[1], **ME)


async def invitation_over(house: House, made: tuple[str, str, str]) -> bool:
    """Say whether the address opens nothing."""
    try:
        await house.vault.sign_in.passkeys.welcome(made[2])
    except NotAuthentic:
        return True
    return False


async def passkeys(house: House, name: str) -> tuple[str, str]:
    """Let an invited person have two passkeys; return the ids of the person and of one."""
    person_id, _, _ = await invitation(house, name)
    made = [
        Passkey(
            id=new_id("pkey"), account_id=house.account.id, person_id=person_id, credential_id=token_bytes(16),
            public_key=b"k", sign_count=0, is_backed_up=False, sealed_name=None, created_at=datetime.now(UTC),
            last_used_at=None,
        )
        for _ in range(2)
    ]  # fmt: skip
    await house.database.write(lambda tx: [tx.passkeys.insert(one) for one in made])
    return person_id, made[0].id


async def remove_passkey(house: House, made: tuple[str, str]) -> None:
    """Remove one."""
    await house.vault.sign_in.own_passkeys.remove(house.account.id, *made, actor=made[0])


async def passkey_gone(house: House, made: tuple[str, str]) -> bool:
    """Say whether it signs nobody in."""
    own = await house.database.read(lambda tx: tx.passkeys.of_person(house.account.id, made[0]))
    return made[1] not in {one.id for one in own}


INVITATION = {"prepare": invitation, "close": revoke_invitation, "closed": invitation_over}
PASSKEY = {"prepare": passkeys, "close": remove_passkey, "closed": passkey_gone}
CONSOLE_SESSION = {
    "prepare": console_session,
    "close": end_console_session,
    "closed": console_session_over,
}
SIGN_IN = {"prepare": sign_in, "close": delete_sign_in, "closed": sign_in_gone}
ROLE = {"prepare": sign_in, "close": take_role, "closed": role_gone}
MEMBER = {"prepare": member, "close": remove_member, "closed": is_removed}
