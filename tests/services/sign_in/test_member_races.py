"""Two administrators change one person at once: each gives only what he may, on the person as the change finds it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest

from tests.support.invited import ADMIN, BY_ALL, LISTENER, accept, become, device_of, invite
from tests.support.parties import ME
from tests.support.service_house import House
from vault.domain.accounts.account import Scope
from vault.domain.sign_in.invitation import MemberTerms
from vault.errors import Forbidden, Refused

Service = TypeVar("Service")


@dataclass
class Interrupted:
    """A database in which another request is done first, once, when something is to be written."""

    database: Any
    first: Callable[[], Awaitable[object]] | None

    def __getattr__(self, name: str) -> Any:
        """Be the database in everything else."""
        return getattr(self.database, name)

    async def write(self, function: Any) -> Any:
        """Do the other request, then write."""
        first, self.first = self.first, None
        if first is not None:
            await first()
        return await self.database.write(function)


def interrupted(service: Service, first: Callable[[], Awaitable[object]]) -> Service:
    """Return a service, between whose read and write the other request is done."""
    return replace(service, database=Interrupted(service.database, first))  # type: ignore[type-var, attr-defined]


def not_admin(given: frozenset[Scope]) -> None:
    """Refuse to give what an administrator may do."""
    if "keys:write" in given:
        raise Forbidden("This key cannot grant it.")


async def test_a_role_that_another_takes_away_meanwhile_stays_away(either: House):
    """A change of the name alone does not give it back, by whoever could not give it."""
    house, account_id = either, either.account.id
    await accept(house, (await invite(house)).token.text, device_of(house))
    person = (await invite(house)).invitation.person_id

    async def take_away() -> None:
        await house.vault.sign_in.invited_people.change(
            account_id, person, lambda terms: replace(terms, roles=("auditor",)), **BY_ALL
        )

    def rename(terms: MemberTerms) -> MemberTerms:
        return replace(terms, name="Eve")

    await interrupted(house.vault.sign_in.invited_people, take_away).change(
        account_id, person, rename, may_give=not_admin, **ME
    )
    member = await house.vault.sign_in.members.get(account_id, person)
    assert (member.name, member.roles, member.email) == ("Eve", ("auditor",), ADMIN.email)


async def test_an_address_is_not_given_for_a_role_that_comes_meanwhile(either: House):
    """Whoever has the address becomes the person, with the roles that the person has by then."""
    house, account_id = either, either.account.id
    person = (await invite(house, LISTENER)).invitation.person_id

    async def promote() -> None:
        await house.vault.sign_in.invited_people.change(account_id, person, become(ADMIN), **BY_ALL)

    with pytest.raises(Forbidden):
        await interrupted(house.vault.sign_in.invitations, promote).issue(
            account_id, person, may_give=not_admin, **ME
        )


async def test_a_person_who_is_removed_meanwhile_gets_no_role(either: House):
    """Nor does one who was removed before: roles of somebody removed would come back with the person."""
    house, account_id = either, either.account.id
    person = (await invite(house, LISTENER)).invitation.person_id

    async def remove() -> None:
        await house.vault.sign_in.members.remove(account_id, person, **ME)

    invited_people = house.vault.sign_in.invited_people
    for service in (interrupted(invited_people, remove), invited_people):
        with pytest.raises(Refused) as refused:
            await service.change(account_id, person, become(ADMIN), **BY_ALL)
        assert refused.value.reasons == ("removed",)
