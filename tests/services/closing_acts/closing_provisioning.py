"""Closing verbs about a company's directory: who left, and a token."""

from tests.services.closing_acts.closing_people import sign_in
from tests.support.parties import ME
from tests.support.provisioned import set_active, setting_of
from tests.support.service_house import House
from vault.errors import NotAuthentic, NotFound
from vault.services.sign_in.provisioned_users import OpenedUser


async def _provisioned(house: House) -> None:
    try:
        await setting_of(house)
    except NotFound:
        await house.vault.sign_in.provisioning.set(
            house.account.id,
            connection=await sign_in(house, "directory"),
            roles_from="claim",
            revokes_links=True,
            **ME,
        )


async def user(house: House, name: str) -> OpenedUser:
    """Let the directory tell of somebody."""
    await _provisioned(house)
    resource = {"userName": name, "externalId": name, "active": True}
    return await house.vault.sign_in.provisioning.users.create(await setting_of(house), resource, **ME)


async def leave(house: House, made: OpenedUser) -> None:
    """Let it tell that the person left."""
    await set_active(house, made, active=False)


async def has_left(house: House, made: OpenedUser) -> bool:
    """Say whether nobody signs in as this person."""
    told = await house.database.read(
        lambda tx: tx.provisioned_users.of_identity(house.account.id, made.row.identity or "")
    )
    return bool(told) and not any(one.is_active for one in told)


async def token(house: House, _: str) -> tuple[str, str]:
    """Make a token, in the place of the oldest if there are two."""
    await _provisioned(house)
    tokens = (await house.vault.sign_in.provisioning.get(house.account.id)).tokens
    if len(tokens) > 1:
        await house.vault.sign_in.provisioning.revoke(house.account.id, tokens[0].id, **ME)
    made, text = await house.vault.sign_in.provisioning.issue(house.account.id, **ME)
    return made.id, text.text


async def revoke_token(house: House, made: tuple[str, str]) -> None:
    """Revoke the token."""
    await house.vault.sign_in.provisioning.revoke(house.account.id, made[0], **ME)


async def opens_nothing(house: House, made: tuple[str, str]) -> bool:
    """Say whether the token opens nothing."""
    try:
        await house.vault.sign_in.provisioning.authorize(made[1], house.account.ref)
    except NotAuthentic:
        return True
    return False


USER = {"prepare": user, "close": leave, "closed": has_left}
TOKEN = {"prepare": token, "close": revoke_token, "closed": opens_nothing}
