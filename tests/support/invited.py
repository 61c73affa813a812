"""Invite people, and let software authenticators make and use their passkeys."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.parties import ME
from tests.support.service_house import House
from tests.support.software_authenticator import SoftwareAuthenticator
from vault.domain.sign_in.invitation import MemberTerms
from vault.domain.sign_in.refusals import SignInRefused
from vault.services.sign_in.invitations import Issued
from vault.services.sign_in.members import Member
from vault.services.sign_in.passkeys import Browser, SignedInByPasskey

BROWSER = Browser(address="192.0.2.1", agent="test")
ADMIN = MemberTerms(name="Ada Byron", email="ada@acme.example", roles=("admin",), agents=())
LISTENER = replace(ADMIN, name="Ben", roles=("listener",), agents=("Kim Ager",))
#: Of somebody who may give everything.
BY_ALL: dict[str, Any] = {"may_give": lambda _: None, **ME}


def become(terms: MemberTerms) -> Callable[[MemberTerms], MemberTerms]:
    """Return a change of a person to these terms, whatever the person is now."""
    return lambda _: terms


def terms_of(member: Member) -> MemberTerms:
    """Return what was entered about a person, as the list of people shows it."""
    roles = tuple(role for role in member.roles if role != "operator")
    return MemberTerms(name=member.name or "", email=member.email, roles=roles, agents=member.agents)


async def invite(house: House, terms: MemberTerms = ADMIN) -> Issued:
    """Invite somebody."""
    return await house.vault.sign_in.invited_people.invite(house.account.id, terms, **ME)


async def invite_by(house: House, actor: str) -> str:
    """Let somebody invite another person; return the secret of the address."""
    issued = await house.vault.sign_in.invited_people.invite(house.account.id, LISTENER, actor=actor)
    return issued.token.text


async def is_welcome(house: House, token: str) -> bool:
    """Return whether an address can be used."""
    try:
        await house.vault.sign_in.passkeys.welcome(token)
    except SignInRefused:
        return False
    return True


def device_of(house: House) -> SoftwareAuthenticator:
    """Return a device on the vault's own page."""
    return SoftwareAuthenticator(origin=house.vault.sign_in.passkeys.proofs.site.origin)


async def accept(house: House, token: str, device: SoftwareAuthenticator) -> SignedInByPasskey:
    """Make a passkey at the address of an invitation."""
    challenge = await house.vault.sign_in.passkeys.challenge("invitation", token)
    return await house.vault.sign_in.passkeys.accept(
        token, device.make(challenge), name="Laptop", browser=BROWSER
    )


async def sign_in(
    house: House, device: SoftwareAuthenticator, *, handle: bytes | None = None
) -> SignedInByPasskey:
    """Sign in with a passkey."""
    challenge = await house.vault.sign_in.passkeys.challenge("sign_in", "cookie")
    answer = device.use(challenge, handle=handle)
    return await house.vault.sign_in.passkeys.sign_in(answer, bound_to="cookie", browser=BROWSER)


async def events(house: House) -> list[str]:
    """Return the types of the account's events."""
    await house.database.write(lambda tx: tx.tree.settle())
    return await house.events()
