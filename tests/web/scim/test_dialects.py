"""PATCH as Entra ID sends it, in both of its dialects, and Okta; the requests are those of their documentation.

Entra ID: learn.microsoft.com, "Develop a SCIM endpoint" and "Known issues with SCIM compliance" (``aadOptscim062020``).
Okta: developer.okta.com, "SCIM 2.0 protocol", and its public test suite.
"""

from typing import Any

import pytest

from tests.support.scim_client import GROUP, USER, Directory
from tests.support.tenant import Tenant

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.fixture
def directory(tenant: Tenant) -> Directory:
    """A directory of an account of its own."""
    return Directory(tenant)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "replace", "path": "active", "value": False},
        {"op": "Replace", "value": {"active": "False"}},
        {"op": "replace", "value": {"active": False}},
        {"op": "REPLACE", "path": f"{USER}:active", "value": "false"},
        {"op": "Add", "path": "active", "value": "FALSE"},
    ],
    ids=["entra", "entra 2020", "entra without a path", "okta", "with the schema", "add"],
)
def test_who_leaves_in_every_dialect(directory: Directory, operation: dict[str, Any]):
    """Is not active, and comes back in the same way."""
    path = f"/Users/{directory.user()['id']}"
    assert directory.patched(path, operation)["active"] is False
    assert directory.send("GET", path).json()["active"] is False
    back = {**operation, "value": {"active": "True"} if "path" not in operation else "True"}
    assert directory.patched(path, back)["active"] is True


def test_entra_changes_a_user(directory: Directory):
    """In operations of their own, with attributes that are not kept between them."""
    path = f"/Users/{directory.user()['id']}"
    changed = directory.patched(
        path,
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "ada@acme.example"},
        {"op": "Replace", "path": "name.givenName", "value": "Ada"},
        {"op": "Add", "path": "name.familyName", "value": "Moreau"},
        {"op": "Add", "path": "title", "value": "Head"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"},
        {"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": "x"},
        {"op": "Add", "path": 'addresses[type eq "work"].locality', "value": "Lyon"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+33123456780"},
    )
    assert changed["emails"] == [{"type": "work", "value": "ada@acme.example"}]
    assert changed["name"] == {"givenName": "Ada", "familyName": "Moreau"}
    again = {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "moreau@acme.example"}
    assert directory.patched(path, again)["emails"] == [{"type": "work", "value": "moreau@acme.example"}]


def test_entra_of_2020_changes_a_user(directory: Directory):
    """Without a path, with dotted names and filters as the names of one object."""
    path = f"/Users/{directory.user()['id']}"
    changed = directory.patched(
        path,
        {
            "op": "replace",
            "value": {
                "displayName": "Ada", "name.givenName": "Ada", "name.familyName": "Moreau",
                'emails[type eq "work"].value': "ada@acme.example", 'emails[type eq "work"].primary': True,
                f"{ENTERPRISE}:employeeNumber": "1", "active": True, "externalId": "x-1",
            },
        },
    )  # fmt: skip
    assert changed["displayName"] == "Ada"
    assert changed["name"] == {"givenName": "Ada", "familyName": "Moreau"}
    assert changed["emails"] == [{"type": "work", "value": "ada@acme.example", "primary": True}]
    assert changed["externalId"] == "x-1"


def test_members_in_every_dialect(directory: Directory):
    """Entra removes by a list of values, Okta by a filter; the others of the group stay."""
    ada, ben, eve = (directory.user(name) for name in ("ada", "ben", "eve"))
    group = directory.group()
    path = f"/Groups/{group['id']}"
    assert "members" not in group

    def members(*operations: dict[str, Any]) -> set[str]:
        changed = directory.patched(path, *operations)
        assert changed == directory.send("GET", path).json()
        return {one["value"] for one in changed.get("members", ())}

    everybody = {one["id"] for one in (ada, ben, eve)}
    listed = [{"$ref": None, "value": one["id"]} for one in (ada, ben)]
    assert members({"op": "Add", "path": "members", "value": listed}) == {ada["id"], ben["id"]}
    okta = [{"value": eve["id"], "display": "eve@acme.example"}]
    assert members({"op": "add", "path": "members", "value": okta}) == everybody
    assert members({"op": "add", "path": "members", "value": okta}) == everybody
    entra = {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ben["id"]}]}
    assert members(entra) == {ada["id"], eve["id"]}
    assert members(entra) == {ada["id"], eve["id"]}
    by_filter = {"op": "remove", "path": f'members[value eq "{ada["id"]}"]'}
    assert members(by_filter) == {eve["id"]}
    assert members(by_filter) == {eve["id"]}
    whole = {"op": "replace", "path": "members", "value": [{"value": one["id"]} for one in (ada, ben)]}
    assert members(whole) == {ada["id"], ben["id"]}
    assert members({"op": "remove", "path": "members"}) == set()


def test_okta_renames_a_group(directory: Directory):
    """With the id in the value; another id is refused, and so is one of another resource."""
    group = directory.group()
    path = f"/Groups/{group['id']}"
    renamed = {"op": "replace", "value": {"id": group["id"], "displayName": "Call quality"}}
    assert directory.patched(path, renamed)["displayName"] == "Call quality"
    other = {"op": "replace", "value": {"id": "pgrp_0", "displayName": "x"}}
    directory.refused(directory.patch(path, other), 400, "mutability")
    assert directory.send("GET", path).json()["displayName"] == "Call quality"


def test_entra_finds_a_group(directory: Directory):
    """By its name or its external id, without the members."""
    group = directory.group("Call quality", directory.user(), externalId="8aa1a0c0")
    for text in ('displayName eq "call quality"', 'externalId eq "8aa1a0c0"', f'id eq "{group["id"]}"'):
        found = directory.send("GET", "/Groups", filter=text, excludedAttributes="members").json()
        assert [one["id"] for one in found["Resources"]] == [group["id"]]
        assert "members" not in found["Resources"][0]
    directory.refused(directory.send("GET", "/Groups", filter='members eq "x"'), 400, "invalidFilter")


def test_okta_begins(directory: Directory):
    """As its public suite does: a list of two, one who is not there, one who is added, and added again."""
    first = directory.send("GET", "/Users", count=2, startIndex=1).json()
    assert first["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    assert isinstance(first["totalResults"], int)
    directory.refused(directory.send("GET", "/Users/00919288221112222"), 404)
    missing = directory.send("GET", "/Users", filter='userName eq "nobody@atko.example"').json()
    assert (missing["totalResults"], missing["Resources"]) == (0, [])
    sent = {
        "schemas": [USER], "userName": "runscope@atko.example", "externalId": "00ujl29u0le5T6Aj10h7", "groups": [],
        "name": {"familyName": "Test", "givenName": "Okta"}, "displayName": "Okta Test", "locale": "en-US",
        "emails": [{"primary": True, "value": "runscope@atko.example", "type": "work"}], "password": "1mz050nq",
        "active": True,
    }  # fmt: skip
    made = directory.send("POST", "/Users", sent)
    assert made.status_code == 201
    assert "1mz050nq" not in made.text
    directory.refused(directory.send("POST", "/Users", sent), 409, "uniqueness")
    path = f"/Users/{made.json()['id']}"
    put = directory.send("PUT", path, made.json() | {"active": False})
    assert (put.status_code, put.json()["active"]) == (200, False)
    found = directory.send("GET", "/Users", filter='userName eq "runscope@atko.example"').json()
    assert [one["active"] for one in found["Resources"]] == [False]


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "replace", "path": "activ", "value": False}, "invalidPath"),
        ({"op": "replace", "path": "active.value", "value": False}, "invalidPath"),
        ({"op": "replace", "path": 'active[value eq "x"]', "value": False}, "invalidPath"),
        ({"op": "replace", "path": "emails[", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "roles", "value": ["admin"]}, "invalidPath"),
        ({"op": "replace", "path": 3, "value": False}, "invalidPath"),
        ({"op": "replace", "path": "a" * 2000, "value": False}, "invalidPath"),
        ({"op": "replace", "path": 'emails[value co "x"].type', "value": "x"}, "invalidFilter"),
        ({"op": "replace", "value": {"activ": False}}, "invalidPath"),
        ({"op": "replace", "path": "urn:example:User:active", "value": False}, "invalidPath"),
        ({"op": "replace", "path": "groups", "value": []}, "mutability"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "active", "value": None}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": "no"}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": 0}, "invalidValue"),
        ({"op": "replace", "value": "active"}, "invalidValue"),
        ({"op": "remove", "path": "active"}, "invalidValue"),
        ({"op": "remove", "path": "userName"}, "invalidValue"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "deactivate", "path": "active", "value": False}, "invalidSyntax"),
        ({"path": "active", "value": False}, "invalidSyntax"),
        ("remove", "invalidSyntax"),
    ],
)
def test_what_is_not_understood_is_refused(directory: Directory, operation: Any, scim_type: str):
    """And nothing of the request is done: what follows may be the operation by which somebody leaves."""
    path = f"/Users/{directory.user(displayName='Ada')['id']}"
    changed = directory.patch(path, {"op": "replace", "path": "displayName", "value": "Eve"}, operation)
    directory.refused(changed, 400, scim_type)
    assert directory.send("GET", path).json()["displayName"] == "Ada"


def test_a_patch_has_its_form(directory: Directory):
    """The schema of a patch, and 1 to 100 operations."""
    path = f"/Users/{directory.user()['id']}"
    operation = {"op": "replace", "path": "displayName", "value": "x"}
    for body in (
        {"Operations": [operation]},
        {"schemas": [USER], "Operations": [operation]},
        {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]},
        {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": []},
        {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] * 101},
    ):
        directory.refused(directory.send("PATCH", path, body), 400, "invalidSyntax")


def test_a_member_is_a_user_of_the_account(directory: Directory):
    """Not somebody unknown, and nobody of another account; both are told alike."""
    other = Directory(Tenant.open(directory.tenant.http)).user()
    path = f"/Groups/{directory.group()['id']}"
    told = {
        directory.refused(
            directory.patch(path, {"op": "add", "path": "members", "value": [{"value": one}]}),
            400,
            "invalidValue",
        )
        for one in ("pusr_0", other["id"], "x")
    }
    assert len(told) == 1
    changed = {"op": "replace", "path": 'members[value eq "x"].value', "value": "y"}
    directory.refused(directory.patch(path, changed), 400, "mutability")
    body = {"schemas": [GROUP], "displayName": "g", "members": [{"display": "nobody"}]}
    directory.refused(directory.send("POST", "/Groups", body), 400, "invalidValue")
