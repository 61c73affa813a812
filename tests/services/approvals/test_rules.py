"""The rule of an account: tightening it takes effect immediately, and loosening it needs two."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.fakes.own_keys import ARN
from tests.support.approvals import approve, count, key, rule
from tests.support.restoring import copied, house_over
from tests.support.retention import FIRST, SECOND, approve_release, place, two_keys
from tests.support.service_house import House
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.requests import person_requests
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.approvals.rule import CHOSEN, RULES, VERBS, ApprovalRule, Verb, loosens, tighter
from vault.domain.sign_in.connection import ProviderSettings, RoleMapping, SignInConnection
from vault.errors import ApprovalNeeded, Invalid, Refused
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.thread_pools import Threads

#: A customer-managed key.
KEY = f"{ARN}mine"
STAFF = RoleMapping(value="staff", role="privacy")
SETTINGS = ProviderSettings(
    issuer="https://idp.example", client_id="c", client_secret=None, scopes=("openid",), claim=("groups",),
    roles=(STAFF,),
)  # fmt: skip


async def ask_for(house: House, *verbs: str, enabled: bool, actor: str = FIRST) -> Approval:
    """Try to loosen the rule, and ask for the approval that this needs."""
    with pytest.raises(ApprovalNeeded) as needed:
        await rule(house, *verbs, enabled=enabled, actor=actor)
    return await house.vault.approvals.approvals.ask(
        house.account.id,
        needed.value,
        subject="",
        arguments={"enabled": enabled, "verbs": sorted(verbs)},
        reason=None,
        actor=actor,
    )


async def in_force(house: House) -> set[str]:
    """Return what needs an approval."""
    return set((await house.vault.approvals.rules.read(house.account.id)).in_force)


async def test_one_tightens_and_two_loosen(either: House):
    """Switching it off and taking an act out need a second person; adding an act does not."""
    await rule(either, "own_key")
    await rule(either, "own_key", "call_erasure")
    assert await in_force(either) == {"own_key", "call_erasure"}
    smaller = await ask_for(either, "own_key", enabled=True)
    assert await in_force(either) == {"own_key", "call_erasure"}
    assert (await approve(either, smaller)).state is ApprovalState.EXECUTED
    assert await in_force(either) == {"own_key"}
    off = await ask_for(either, "own_key", enabled=False)
    assert (await approve(either, off)).state is ApprovalState.EXECUTED
    assert await in_force(either) == set()
    assert await count(either, "approval_rule.loosened") == 2
    # Off again: one changes it as before.
    await rule(either, enabled=False)


async def test_what_was_asked_before_a_closure_stores_nothing_after_it(either: House):
    """Approved when the account is closed, it expires with that reason. Wrong: to ask at the first door alone."""
    await rule(either, "own_key")
    off = await ask_for(either, "own_key", enabled=False)
    closure, _ = await either.vault.requests.closures.ask(
        either.account.id, reason="r", export=False, actor=FIRST
    )
    begun = update(person_requests).where(person_requests.c.id == closure.id).values(state="executing")
    await either.database.write(lambda tx: tx.connection.execute(begun) and None)
    done = await approve(either, off)
    assert (done.state, done.outcome) == (ApprovalState.EXPIRED, "account_closed")
    assert await in_force(either) == {"own_key"}
    assert {verb for verb in VERBS if not RULES[verb].when_closed} == {
        "approval_rule", "sign_in_connection", "member_invitation", "member_roles", "member_recovery",
    }  # fmt: skip


@pytest.mark.parametrize("verb", CHOSEN)
async def test_any_rule_needs_two_for_who_signs_in(either: House, verb: Verb):
    """Else one admin with a provider of his own would be both people. What takes roles away is done as before."""
    account = either.account.id

    async def connect(name: str, **more: object) -> SignInConnection:
        change = ConnectionChange(settings=replace(SETTINGS, **more), keep_secret=False)  # type: ignore[arg-type]
        return await either.vault.sign_in.connections.set(account, name, change, actor=FIRST)

    await connect("main")
    await connect("strong", acr_values=("phr", "mfa"))
    await rule(either, verb)
    for name, more in (
        ("strong", {"acr_values": ()}),
        ("strong", {"acr_values": ("phr", "pwd")}),
        ("evil", {}),
        ("evil", {"roles": ()}),
        ("main", {"issuer": "https://other.example"}),
        ("main", {"claim": ("nickname",)}),
        ("main", {"roles": (STAFF, RoleMapping(value="boss", role="admin"))}),
    ):
        with pytest.raises(ApprovalNeeded) as needed:
            await connect(name, **more)
        assert needed.value.verb == "sign_in_connection"
    assert (await connect("main", roles=())).settings.roles == ()
    for name in ("strong", "main"):
        assert (await connect(name, roles=(), acr_values=("phr",))).settings.acr_values == ("phr",)


async def test_a_change_that_gives_nothing_hides_nobody(either: House):
    """Who gave the roles stays known after a change of somebody else that gives none; then one that does."""
    account = either.account.id

    async def connect(actor: str, **more: object) -> str:
        change = ConnectionChange(settings=replace(SETTINGS, **more), keep_secret=False)  # type: ignore[arg-type]
        made = await either.vault.sign_in.connections.set(account, "main", change, actor=actor)
        stored = await either.vault.sign_in.connections.get(account, "main")
        assert stored.changed_by == made.changed_by
        return made.changed_by

    assert await connect(FIRST) == FIRST
    assert await connect(SECOND, scopes=("openid", "email")) == FIRST
    assert await connect(SECOND, roles=()) == FIRST
    assert await connect(SECOND) == SECOND


async def test_a_rule_that_was_changed_since_is_loosened_anew(either: House):
    """The approval was of the rule as it was: with another version it is asked again."""
    await rule(either, "own_key")
    off = await ask_for(either, "own_key", enabled=False)
    await rule(either, "own_key", "call_erasure")
    again = await approve(either, off)
    assert (again.state, again.outcome) == (ApprovalState.PENDING, "effect_changed")
    assert await in_force(either) == {"own_key", "call_erasure"}


async def test_an_unknown_act_is_named(house: House):
    """hold_release needs an approval without any rule, and cannot be named either."""
    for verb in ("hold_release", "listening"):
        with pytest.raises(Invalid) as invalid:
            await rule(house, verb)
        assert invalid.value.field == "verbs"


async def test_an_older_database_does_not_loosen_the_rule(house: House, tmp_path: Path, threads: Threads):
    """A database from before the rule was switched on, restored with the account's object: it is on."""
    await two_keys(house)
    while await house.vault.jobs.write_account_objects():
        pass
    old = SqliteDatabase(copied(house, tmp_path / "old"))
    await rule(house, "recording_erasure")
    while await house.vault.jobs.write_account_objects():
        pass
    for step in (house.vault.jobs.log_publisher.sequence, house.vault.jobs.log_publisher.publish):
        while await step():
            pass
    async with house_over(house, old, threads) as late:
        assert await in_force(late) == set()
        await late.vault.backup.restore(actor="operator")
        assert await in_force(late) == {"recording_erasure"}


@pytest.mark.parametrize(
    ("before", "after", "loose"),
    [
        ((False, ()), (True, ("own_key",)), False),
        ((True, ("own_key",)), (False, ("own_key",)), True),
        ((True, ("own_key", "call_erasure")), (True, ("own_key",)), True),
        ((True, ("own_key",)), (True, ("call_erasure",)), True),
        ((False, ("own_key",)), (False, ()), False),
        ((True, ()), (False, ()), True),
    ],
)
def test_what_loosens(
    before: tuple[bool, tuple[Verb, ...]], after: tuple[bool, tuple[Verb, ...]], loose: bool
):
    """Whatever needed an approval and would not any more; and two rules joined need what either needs."""
    first = ApprovalRule(enabled=before[0], verbs=frozenset(before[1]), version=1)
    second = ApprovalRule(enabled=after[0], verbs=frozenset(after[1]), version=2)
    assert loosens(first, second) is loose
    joined = tighter(first, second)
    assert joined.in_force == first.in_force | second.in_force
    assert joined.enabled is (first.enabled or second.enabled)


async def test_another_key_of_the_account_needs_two(house: House):
    """A customer-managed key that one person sets is asked for, and set when another one approves."""
    await rule(house, "own_key")
    keys = house.vault.key_rotation.rotations
    with pytest.raises(ApprovalNeeded) as needed:
        await keys.use_key(house.account.id, KEY, actor=FIRST)
    assert (await keys.current_key(house.account.id)).own_key is None
    asked = await house.vault.approvals.approvals.ask(
        house.account.id,
        needed.value,
        subject="",
        arguments={"key": KEY},
        reason=None,
        actor=FIRST,
    )
    assert (asked.kind, asked.effect) == ("own_key", {"from_version": 1})
    assert (await approve(house, asked)).state is ApprovalState.EXECUTED
    assert (await keys.current_key(house.account.id)).own_key == KEY
    # A rotation that only renews the key destroys nothing that opens anything, and needs no approval.
    assert await count(house, "key.rotated") == 1


@pytest.mark.parametrize("scopes", [["holds:write"], ["approvals:write"]])
async def test_a_release_needs_both_scopes_wherever_it_is_approved(either: House, scopes: list[str]):
    """Wrong: the method lets what only the route refuses, and another route asks for less."""
    hold = (await place(either, everything=True)).hold
    asks, account_id = either.vault.retention.hold_releases, either.account.id
    preview = await asks.preview(account_id, hold.id)
    asked = await asks.ask(account_id, hold.id, digest=preview.digest, actor=FIRST)
    with pytest.raises(Refused) as refused:
        await approve_release(either, asked.id, actor=await key(either, scopes=scopes))
    assert refused.value.reasons == ("scope",)
    await approve_release(
        either, asked.id, actor=await key(either, scopes=["holds:write", "approvals:write"])
    )
