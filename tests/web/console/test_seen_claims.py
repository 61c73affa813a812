"""The page of a sign-in connection says what the last sign-in carried, so that a missing claim is found."""

import re

import pytest

from tests.support.console import sign_in
from tests.support.provider_scene import Scene
from vault.domain.sign_in.seen_claims import claim_names

SECRETS = {"email": "ada@example.org", "realm_access": {"roles": ["hidden-value"]}}


def shown(scene: Scene) -> str:
    """Return the panel about the last sign-in; empty if there is none."""
    page = sign_in(scene.house, scene.tenant.name).get(f"{scene.home}/access/sign-in/main")
    found = re.search(r'aria-labelledby="seen-title">.*?</section>', page.text, re.DOTALL)
    return "" if found is None else found[0]


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"groups": ["staff"]}, "and it gives a role"),
        ({"groups": ["others"]}, "none of its values"),
        ({}, "there was no claim <code>groups</code>"),
    ],
)
def test_a_missing_claim_is_told_by_the_names_of_those_that_came(
    scene: Scene, claims: dict[str, list[str]], said: str
):
    """By name alone; REST says the same, and nothing before the first sign-in."""
    assert shown(scene) == ""
    scene.provider.claims = {"name": "Ada", **SECRETS, **claims}
    assert scene.sign_in(scene.browser()).status_code == 303
    panel = shown(scene)
    assert said in panel
    assert "<code>email</code>, " in panel
    assert "<code>realm_access.roles</code>" in panel
    assert "ada@example.org" not in panel
    assert "hidden-value" not in panel
    url = scene.tenant.url("/sign-in-connections")
    one = scene.house.admin.get(f"{url}/main").json()["last_sign_in"]
    assert (one["has_claim"], one["has_role"]) == ("groups" in claims, claims == {"groups": ["staff"]})
    assert "email" in one["claims"]
    assert scene.house.admin.get(url).json()["items"][0]["last_sign_in"] is None


def test_the_claims_that_are_kept_are_bounded():
    """A provider chooses their names: 60 of at most 100 characters, that can be printed."""
    many = claim_names({f"claim-{number:03}": 1 for number in range(1000)})
    assert (len(many), many[0]) == (60, "claim-000")
    assert claim_names({"x" * 101: 1, "a\nb": 1, "": 1, "good": {"y" * 100: 1, "z": 1}}) == ("good.z",)


def test_a_provider_is_tested_by_rest_too(scene: Scene):
    """With the body of a connection, which is not stored; it names what would keep people from signing in."""
    url = scene.tenant.url("/sign-in-connection-test")
    body = {"issuer": scene.provider.issuer, "client_id": "c", "claim": ["groups"]}
    good = scene.house.admin.post(url, json=body)
    assert (good.status_code, good.json()["problems"]) == (200, [])
    bad = scene.house.admin.post(url, json=body | {"issuer": f"{scene.provider.issuer}/realm"})
    assert (bad.status_code, len(bad.json()["problems"])) == (200, 1)
    assert scene.house.admin.post(url, json=body | {"issuer": "ftp://x"}).json()["field"] == "issuer"
    names = [
        one["name"] for one in scene.house.admin.get(scene.tenant.url("/sign-in-connections")).json()["items"]
    ]
    assert names == ["main"]
