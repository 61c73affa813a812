"""People who sign in as the two persons of an approval: who is another one, and what a lost role means."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.support.approvals import approve, approved_only, ask, change_row, key, rule
from tests.support.parties import let_in, set_policy
from tests.support.retention import state_of_approval
from tests.support.service_house import LONG_AGO, House
from vault.database.account_parts.part import Target
from vault.database.account_parts.sign_in import SIGN_IN
from vault.database.transaction import Transaction
from vault.domain.accounts.makers import MAX_MAKERS
from vault.domain.approvals.actor import Actor, Name, is_independent, may_be_one
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.recordings.recording import GONE
from vault.domain.sign_in.connection import PersonRow, RoleMapping, SealedConnection
from vault.errors import Refused

ANA, BEN, CAT = "per_ana", "per_ben", "per_cat"


async def people(house: House, *, set_by: str) -> None:
    """Let Ana and Ben be privacy officers and Cat a listener, by a connection that ``set_by`` has set."""
    connection = SealedConnection(
        id="idp_1",
        account_id=house.account.id,
        name="main",
        revision=1,
        sealed_settings="",
        changed_at=LONG_AGO,
        changed_by=set_by,
    )
    person = PersonRow(
        id=ANA,
        account_id=house.account.id,
        connection_id="idp_1",
        sealed_profile=None,
        role_ids=("role_p",),
        first_at=LONG_AGO,
        last_at=LONG_AGO,
        removed_at=None,
    )

    def insert(tx: Transaction) -> None:
        tx.sign_in.put(connection)
        mappings = [
            RoleMapping(id="role_p", value="officers", role="privacy"),
            RoleMapping(id="role_l", value="all", role="listener"),
        ]
        tx.sign_in.grant(connection.account_id, connection.id, mappings, {})
        for one in (person, replace(person, id=BEN), replace(person, id=CAT, role_ids=("role_l",))):
            tx.people.put(one)

    await house.database.write(insert)


async def test_one_person_asks_and_another_approves(either: House):
    """Of one connection; neither the same person nor somebody without the role."""
    await set_policy(either)
    recording_id = await let_in(either)
    await people(either, set_by=await key(either))
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id, actor=ANA)
    for actor, reason in ((ANA, "same_key"), (CAT, "scope"), ("per_nobody", "scope")):
        with pytest.raises(Refused) as refused:
            await approve(either, asked, actor=actor)
        assert refused.value.reasons == (reason,)
    assert (await approve(either, asked, actor=BEN)).state is ApprovalState.EXECUTED
    assert await either.state(recording_id) in GONE


async def test_a_key_and_a_person_of_one_hand_are_one(either: House):
    """The key that set the connection could sign in as anybody; so could anyone who has a key of its making."""
    await set_policy(either)
    recording_id = await let_in(either)
    admin = await key(either)
    await people(either, set_by=admin)
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id, actor=admin)
    sister, own = await key(either, made_by=admin), await key(either, made_by=ANA)
    for actor in (ANA, BEN, sister, own):
        with pytest.raises(Refused) as refused:
            await approve(either, asked, actor=actor)
        assert refused.value.reasons == ("same_key",)
    assert (await approve(either, asked, actor=await key(either))).state is ApprovalState.EXECUTED


def require(row: SealedConnection | None) -> SealedConnection:
    """Return a row that is there."""
    assert row is not None
    return row


async def change(house: House, **values: Any) -> None:
    """Write the next revision of the connection."""

    def write(tx: Transaction) -> None:
        row = require(tx.sign_in.get("idp_1"))
        assert tx.sign_in.put(replace(row, revision=row.revision + 1, **values))

    await house.database.write(write)


async def is_second_person(house: House, asked: Approval, actor: str) -> bool:
    """Approve; False if it is refused because the two may be one person."""
    try:
        await approve(house, asked, actor=actor)
    except Refused as refused:
        assert refused.reasons == ("same_key",)
        return False
    return True


async def of_the_first_owner(house: House) -> Approval:
    """Return what the one asks for who set the connection first; a colleague changed it since."""
    await set_policy(house)
    recording_id = await let_in(house)
    admin = await key(house)
    await people(house, set_by=admin)
    await change(house, changed_by=await key(house))
    await rule(house, "recording_erasure")
    return await ask(house, recording_id, actor=admin)


@pytest.mark.parametrize(
    "older",
    [None, "node", "database", "object"],
    ids=["same_node", "node_of_the_release_before", "restored_database", "object_of_a_lost_history"],
)
async def test_a_colleagues_change_does_not_hide_the_first_owner(either: House, older: str | None):
    """He named the provider, so he may sign in as anybody; over a restore of either history too."""
    asked = await of_the_first_owner(either)
    if older == "node":
        change_of_it = "UPDATE sign_in_connections SET changed_by = 'key_other', revision = revision + 1"
        await change_row(either, change_of_it)
    elif older is not None:
        known = await either.database.read(lambda tx: tx.account_objects.read(either.account.id))
        (stored,) = known[SIGN_IN]
        emptied = replace(
            stored.connection, changed_by="key_other", makers=(), revision=stored.connection.revision + 1
        )
        target = partial(Target, account_id=either.account.id, keys={}, prompts={})
        if older == "database":
            await change(either, changed_by="key_other")
            await change_row(either, "UPDATE sign_in_connections SET makers = NULL, changed_by = 'key_other'")
            await either.database.write(lambda tx: SIGN_IN.add_lost((stored,), target(db=tx.connection)))
        else:
            lost = replace(stored, connection=emptied)
            await either.database.write(lambda tx: SIGN_IN.replace((lost,), target(db=tx.connection)))
    for actor in (BEN, await key(either, made_by=ANA)):
        assert not await is_second_person(either, asked, actor)
    assert await is_second_person(either, asked, await key(either))


async def test_too_many_who_set_a_connection_are_anybody(either: House):
    """As a line of makers that is too long."""
    asked = await of_the_first_owner(either)
    for number in range(MAX_MAKERS):
        await change(either, changed_by=f"key_{number}")
    makers = await either.database.read(lambda tx: require(tx.sign_in.get("idp_1")).makers)
    assert len(makers) == MAX_MAKERS + 1
    await change(either, changed_by="key_last")
    assert await either.database.read(lambda tx: require(tx.sign_in.get("idp_1")).makers) == makers
    other = await ask(either, asked.subject, actor=await key(either))
    assert not await is_second_person(either, other, ANA)


async def test_a_connection_that_is_made_again_hides_nobody(either: House):
    """Under its old id its people are the same, and nobody knows who set it before."""
    asked = await of_the_first_owner(either)
    again = await either.database.read(lambda tx: require(tx.sign_in.get("idp_1")))
    await either.database.write(lambda tx: tx.sign_in.delete("idp_1"))
    again = replace(again, revision=1, changed_by="key_other", makers=())

    def make(tx: Transaction) -> None:
        assert tx.sign_in.put(again)
        tx.sign_in.grant(
            again.account_id, again.id, [RoleMapping(id="role_p", value="officers", role="privacy")], {}
        )

    await either.database.write(make)
    assert not await is_second_person(either, asked, ANA)
    assert await is_second_person(either, asked, await key(either))


async def test_the_end_of_a_connection_hides_nobody(either: House):
    """Its owner may have signed in by it and made a key: nobody knows any more, so that key approves nothing."""
    await set_policy(either)
    recording_id = await let_in(either)
    admin = await key(either)
    await people(either, set_by=admin)
    own = await key(either, made_by=ANA)
    await rule(either, "recording_erasure")
    await either.database.write(lambda tx: tx.sign_in.delete("idp_1"))
    asked = await ask(either, recording_id, actor=admin)
    with pytest.raises(Refused) as refused:
        await approve(either, asked, actor=own)
    assert refused.value.reasons == ("same_key",)
    assert (await approve(either, asked, actor=await key(either))).state is ApprovalState.EXECUTED


async def test_who_gave_the_roles_to_himself_does_not_approve(house: House):
    """Ana changed the connection last, so neither she approves nor does anybody approve what she asks for."""
    await set_policy(house)
    recording_id = await let_in(house)
    await people(house, set_by=ANA)
    await rule(house, "recording_erasure")
    asked = await ask(house, recording_id, actor=ANA)
    with pytest.raises(Refused):
        await approve(house, asked, actor=BEN)
    asked = await ask(house, recording_id, actor=BEN)
    with pytest.raises(Refused):
        await approve(house, asked, actor=ANA)


async def test_a_role_lost_before_the_execution_stops_it(either: House):
    """The role of who asked is taken from everybody after the approval: nothing is done."""
    await set_policy(either)
    recording_id = await let_in(either)
    await people(either, set_by="operator")
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id, actor=ANA)
    await approved_only(either, asked)
    await either.database.write(lambda tx: tx.sign_in.revoke("role_p"))
    await either.vault.jobs.settle_approvals()
    assert await state_of_approval(either, asked.id) is ApprovalState.EXPIRED
    assert await either.state(recording_id) not in GONE


@pytest.mark.parametrize(
    ("asks", "approves", "independent"),
    [
        (("key", "a", ()), ("key", "b", ()), True),
        (("key", "a", ()), ("key", "a", ()), False),
        (("key", "a", ("k",)), ("key", "b", ("k",)), False),
        (("key", "a", ("k",)), ("key", "k", ()), False),
        (("key", "k", ()), ("key", "a", ("j", "k")), False),
        (("person", "p", ("k",)), ("person", "q", ("k",)), True),
        (("person", "p", ("k",)), ("key", "b", ("k",)), False),
        (("person", "p", ()), ("person", "p", ()), False),
        (("person", "p", ("q",)), ("person", "q", ()), False),
        (("person", "p", ()), ("person", "q", ("q",)), False),
        (("system", "worker", ()), ("key", "a", ()), True),
    ],
)
def test_two_actors_are_two_people(asks: tuple, approves: tuple, independent: bool):  # type: ignore[type-arg]
    """Never where one hand could hold both."""
    first, second = (
        Actor(
            name=Name(kind=kind, id=name, connection="idp_1"),
            made_by=tuple(Name(kind="key", id=one) for one in made_by),
        )
        for kind, name, made_by in (asks, approves)
    )
    assert is_independent(first, second) is independent


@pytest.mark.parametrize(
    ("connections", "identities", "one"),
    [
        (("idp_1", "idp_2"), ("idn_a", "idn_a"), True),
        (("idp_1", "idp_2"), ("idn_a", "idn_b"), False),
        (("idp_1", "idp_2"), ("idn_a", None), True),
        (("idp_1", "idp_2"), (None, None), True),
        (("idp_1", "idp_1"), (None, "idn_b"), False),
        ((None, None), (None, None), True),
    ],
)
def test_people_are_told_apart_by_their_identities(
    connections: tuple[str | None, str | None], identities: tuple[str | None, str | None], one: bool
):
    """Where an identity is not known, only the provider of one connection tells two people apart."""
    first, second = (
        Name(kind="person", id=f"per_{which}", connection=connection, identity=identity)
        for which, connection, identity in zip("ab", connections, identities, strict=True)
    )
    key = Name(kind="key", id="k")
    assert may_be_one(first, second) is one
    for asks, approves in (
        (Actor(name=first), Actor(name=second)),
        (Actor(name=first), Actor(name=key, made_by=(second,))),
        (Actor(name=key, made_by=(first,)), Actor(name=second)),
        (Actor(name=key, made_by=(first,)), Actor(name=replace(key, id="l"), made_by=(second,))),
    ):
        assert is_independent(asks, approves) is not one
