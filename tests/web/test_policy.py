"""The consent policy over REST: a part of it is merged, the whole of it is whole."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.doors import POLICY

pytestmark = pytest.mark.faults

SET = POLICY | {
    "missing_evidence": "accept",
    "reason": "asked by the works council",
    "home_place": "US-DC",
    "quarantine_days": 14,
    "keys": {"accept": "2", "decline": "8", "object": "7"},
    "overrides": [{"place": "US-MI", "consent": "one", "reason": "a participant may record"}],
}


def stands(tenant: Tenant) -> dict[str, Any]:
    """Return the policy as it stands."""
    return dict(tenant.http.get(tenant.url("/consent-policy")).json())


def put(tenant: Tenant, policy: dict[str, Any]) -> Any:
    """Set the whole policy."""
    return tenant.http.put(tenant.url("/consent-policy"), json=policy)


@pytest.fixture(scope="module")
def careful(house: House) -> Tenant:
    """An account whose policy says something in every field."""
    tenant = Tenant.open(house.admin)
    assert put(tenant, SET).status_code == 200
    return tenant


@pytest.mark.parametrize("missing", [*POLICY, "keys.accept", "keys.decline", "keys.object"])
def test_a_field_that_is_missing_is_no_reset(careful: Tenant, missing: str):
    """PUT without it is 422 and names it; nothing changes."""
    before, sent = stands(careful), SET | {"keys": dict(SET["keys"])}  # type: ignore[call-overload]
    outer, _, inner = missing.partition(".")
    del (sent[outer] if inner else sent)[inner or outer]  # type: ignore[attr-defined]
    answer = put(careful, sent)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [missing]
    assert stands(careful) == before


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ({}, {}),
        ({"withdrawal": "erase"}, {"withdrawal": "erase"}),
        ({"home_place": None}, {"home_place": None}),
        ({"keys": {"object": None}}, {"keys": SET["keys"] | {"object": None}}),  # type: ignore[operator]
        ({"overrides": []}, {"overrides": []}),
    ],
)
def test_a_part_leaves_the_rest_as_it_is(careful: Tenant, part: dict[str, Any], changed: dict[str, Any]):
    """PATCH changes what is sent; authors and moments of overrides stay, and nothing sent is no new version."""
    assert put(careful, SET).status_code == 200
    before = stands(careful)
    answer = careful.http.patch(careful.url("/consent-policy"), json=part)
    assert answer.status_code == 200, answer.text
    written = {"version", "changed_at"}
    assert {name: answer.json()[name] for name in before if name not in written} == {
        name: value for name, value in (before | changed).items() if name not in written
    }
    assert answer.json()["version"] == before["version"] + bool(part)


@pytest.mark.parametrize(
    "part",
    [{"mode": None}, {"keys": None}, {"quarantine_days": 0}, {"version": 3}, {"keys": {"accept": "8"}}],
)
def test_a_part_that_cannot_be_merged_changes_nothing(careful: Tenant, part: dict[str, Any]):
    """Null where there is no null, a field of the vault's own, two answers on one key: 422."""
    before = stands(careful)
    assert careful.http.patch(careful.url("/consent-policy"), json=part).status_code == 422
    assert stands(careful) == before


def test_two_parts_at_once_both_count(house: House):
    """They are merged under the account's lock, so neither takes the other's field back."""
    tenant = Tenant.open(house.admin)
    fields = {"withdrawal": "erase", "home_place": "US-DC", "quarantine_days": 3, "mode": "announce"}

    async def change() -> None:
        changes = [partial(replace, **{name: value}) for name, value in fields.items()]
        merge = house.vault.consent.policy.merge
        await asyncio.gather(*(merge(tenant.id, one, if_version=None, actor="test") for one in changes))

    house.call(change)
    assert {name: stands(tenant)[name] for name in fields} == fields
