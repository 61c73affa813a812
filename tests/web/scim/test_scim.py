"""SCIM: users and groups as a directory adds, finds, changes and removes them, and what is refused."""

import httpx
import pytest

from tests.support.scim_client import GROUP, USER, Directory, user
from tests.support.tenant import Tenant


@pytest.fixture
def directory(tenant: Tenant) -> Directory:
    """A directory of an account of its own."""
    return Directory(tenant)


def test_a_user_is_added_found_and_deleted(directory: Directory):
    """With the attributes that are kept; the others of the RFC are dropped."""
    sent = user(
        displayName="Ada", name={"givenName": "Ada", "familyName": "Moreau", "honorificPrefix": "Dr"},
        emails=[{"value": "ada@acme.example", "type": "work", "primary": "True"}], title="Head", groups=[],
    )  # fmt: skip
    sent["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = {"department": "Sales"}
    made = directory.send("POST", "/Users", sent).json()
    assert made["active"] is True
    assert made["name"] == {"givenName": "Ada", "familyName": "Moreau"}
    assert made["emails"] == [{"value": "ada@acme.example", "type": "work", "primary": True}]
    assert not {"title", "groups"} & made.keys()
    assert directory.send("GET", f"/Users/{made['id']}").json() == made
    listed = directory.send("GET", "/Users", filter='userName eq "ADA@acme.example"').json()
    assert (listed["totalResults"], listed["Resources"]) == (1, [made])
    assert directory.send("DELETE", f"/Users/{made['id']}").status_code == 204
    directory.refused(directory.send("GET", f"/Users/{made['id']}"), 404)
    assert directory.send("GET", "/Users").json()["totalResults"] == 0


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('userName eq "ada@acme.example"', ["ada"]),
        ('USERNAME EQ "Ada@ACME.example"', ["ada"]),
        ('externalId eq "00u-ben"', ["ben"]),
        ('externalId eq "00U-ben"', []),
        ("active eq false", ["eve"]),
        ('active eq True and userName eq "ben@acme.example"', ["ben"]),
        ('userName eq "ben@acme.example" and userName eq "ada@acme.example"', []),
        (f'{USER}:userName eq "eve@acme.example"', ["eve"]),
        ('id eq "pusr_0"', []),
    ],
)
def test_filters_find(directory: Directory, text: str, names: list[str]):
    """Equality of single attributes, joined by and."""
    for name in ("ada", "ben"):
        directory.user(name)
    directory.user("eve", active=False)
    found = directory.send("GET", "/Users", filter=text).json()
    assert [one["userName"].partition("@")[0] for one in found["Resources"]] == names
    assert found["totalResults"] == len(names)


@pytest.mark.parametrize(
    "text",
    [
        'userName co "a"', 'userName eq "a" or id eq "b"', "userName pr", 'not (userName eq "a")', "userName eq",
        'title eq "a"', 'emails[type eq "work"].value eq "a"', 'userName eq "a" and', 'userName eq "a"and id eq "b"',
        "active eq 1", 'active eq "true"', "userName eq true", '(userName eq "a")', 'userName eq "a', "x" * 2000, " ",
        'userName eq "a" and ' * 5 + 'id eq "b"', 'userName eq "\\q"', 'meta.lastModified gt "2026-01-01T00:00:00Z"',
    ],
)  # fmt: skip
def test_other_filters_are_refused(directory: Directory, text: str):
    """Nothing is found by half a filter."""
    directory.user()
    directory.refused(directory.send("GET", "/Users", filter=text), 400, "invalidFilter")


def test_lists_count_from_one(directory: Directory):
    """And are bounded; zero results are asked for to learn the total."""
    made = [directory.user(f"u{number}")["id"] for number in range(5)]
    page = directory.send("GET", "/Users", startIndex=2, count=2).json()
    assert (page["startIndex"], page["itemsPerPage"], page["totalResults"]) == (2, 2, 5)
    assert [one["id"] for one in page["Resources"]] == made[1:3]
    none = directory.send("GET", "/Users", count=0).json()
    assert (none["Resources"], none["totalResults"]) == ([], 5)
    for start, count in ((0, 1000), (-3, 1000)):
        page = directory.send("GET", "/Users", startIndex=start, count=count).json()
        assert (page["startIndex"], len(page["Resources"])) == (1, 5)
    assert directory.send("GET", "/Users", startIndex=9).json()["Resources"] == []
    directory.refused(directory.send("GET", "/Users", count="many"), 400, "invalidValue")


def test_attributes_are_chosen(directory: Directory):
    """The id is there in any case."""
    made = directory.user(name={"givenName": "Ada", "familyName": "Moreau"})
    path = f"/Users/{made['id']}"
    chosen = directory.send("GET", path, attributes="userName,name.givenName").json()
    assert chosen == {
        "schemas": [USER], "id": made["id"], "userName": made["userName"], "name": {"givenName": "Ada"},
    }  # fmt: skip
    rest = directory.send("GET", path, excludedAttributes="name,id").json()
    assert rest == {name: value for name, value in made.items() if name != "name"}
    directory.refused(
        directory.send("GET", path, attributes="a", excludedAttributes="b"), 400, "invalidValue"
    )


def test_a_name_is_of_one_user(directory: Directory):
    """In any case, also when it is changed; so is an external id."""
    directory.user("ada")
    ben = directory.user("ben")
    for body in (user("ADA", externalId="x"), user("x", externalId="00u-ada")):
        directory.refused(directory.send("POST", "/Users", body), 409, "uniqueness")
        directory.refused(directory.send("PUT", f"/Users/{ben['id']}", body), 409, "uniqueness")
    directory.group("quality")
    again = directory.send("POST", "/Groups", {"schemas": [GROUP], "displayName": "Quality"})
    directory.refused(again, 409, "uniqueness")


def test_a_replacement_replaces(directory: Directory):
    """What is left out is gone; but nobody becomes active because it was left out."""
    made = directory.user(displayName="Ada", active=False)
    path = f"/Users/{made['id']}"
    now = directory.send("PUT", path, {"schemas": [USER], "id": made["id"], "userName": "ada2"}).json()
    assert {"displayName", "externalId"} & now.keys() == set()
    assert (now["userName"], now["active"]) == ("ada2", False)
    assert directory.send("PUT", path, user(active="true")).json()["active"] is True


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        ({"userName": "a"}, "invalidSyntax"), ({"schemas": [GROUP], "userName": "a"}, "invalidSyntax"),
        ({"schemas": [USER]}, "invalidValue"), (user(userName=""), "invalidValue"), (user(userName=1), "invalidValue"),
        (user(active="no"), "invalidValue"), (user(roles=["admin"]), "invalidValue"),
        (user(emails="a"), "invalidValue"),
        (user(displayName="x" * 513), "invalidValue"), (user(displayName="a\u0000b"), "invalidValue"),
        (user(emails=[{"value": str(one)} for one in range(21)]), "tooMany"), (user(name=["a"]), "invalidValue"),
        ([], "invalidSyntax"), ("x", "invalidSyntax"),
    ],
)  # fmt: skip
def test_a_wrong_user_is_refused(directory: Directory, body: object, scim_type: str):
    """With the name of the attribute."""
    detail = directory.refused(directory.send("POST", "/Users", body), 400, scim_type)
    assert "Input should" not in detail


def test_a_body_is_strict_json(directory: Directory):
    """Of the right type, with each name once, and of at most 256 KiB."""
    twice = b'{"schemas": ["%s"], "userName": "a", "userName": "b"}' % USER.encode()
    deep = b'{"a":' * 3000 + b"1" + b"}" * 3000
    path = f"{directory.base}/Users"
    for content in (b"", b"{", twice, deep, b"\xff"):
        answer = directory.tenant.http.post(path, content=content, headers=directory.headers)
        directory.refused(answer, 400, "invalidSyntax")
    form = directory.headers | {"Content-Type": "application/x-www-form-urlencoded"}
    directory.refused(directory.tenant.http.post(path, content=b"a=b", headers=form), 415)
    large = directory.tenant.http.post(path, content=b" " * (256 * 1024 + 1), headers=directory.headers)
    assert large.status_code == 413


def test_only_the_account_s_token_opens(directory: Directory, stranger: httpx.Client):
    """SCIM, and nothing else; another account is not there, for its ids either."""
    made, tenant = directory.user(), directory.tenant
    other = Directory(Tenant.open(tenant.http))
    other.refused(other.send("GET", f"/Users/{made['id']}"), 404)
    for method, body in (("PUT", user()), ("DELETE", None)):
        other.refused(other.send(method, f"/Users/{made['id']}", body), 404)
    group = {"schemas": [GROUP], "displayName": "g", "members": [{"value": made["id"]}]}
    other.refused(other.send("POST", "/Groups", group), 400, "invalidValue")
    other.refused(tenant.http.get(f"{directory.base}/Users", headers=other.headers), 404)
    assert tenant.http.get(tenant.url("/members"), headers=directory.headers).status_code == 401
    assert tenant.http.get(f"{directory.base}/Users").status_code == 401
    for sent in ({}, {"Authorization": "Basic x"}, {"Authorization": f"Bearer {directory.token}x"}):
        answer = stranger.get(f"{directory.base}/Users", headers=sent)
        directory.refused(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert tenant.http.delete(tenant.url(f"/provisioning/tokens/{directory.token_id}")).status_code == 204
    directory.refused(directory.send("GET", "/Users"), 401)


def test_other_paths_and_methods_are_refused_in_the_same_form(directory: Directory):
    """404, and 405 with the methods that there are."""
    for path in ("/Me", "/Bulk", "/Users/x/y", "/", "/Users/"):
        directory.refused(directory.send("GET", path), 404)
    directory.refused(directory.send("POST", "/.search", {}), 501)
    answer = directory.send("DELETE", "/Users")
    directory.refused(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"
    directory.refused(directory.send("POST", "/Schemas", {}), 405)
    head = directory.tenant.http.head(f"{directory.base}/Users", headers=directory.headers)
    assert (head.status_code, head.content) == (200, b"")
    directory.refused(directory.send("GET", "/Schemas", filter='id eq "a"'), 403)
