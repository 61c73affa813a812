"""Approvals, sessions, API keys and connections in the console, without scripts."""

import html
import re
from pathlib import Path

from tests.support.console import OWN, form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.console.sign_in.words import ROLE_WORDS, SCOPE_WORDS

MARKUP = "<script>alert(1)</script>"
PAGES = Path(__file__).parents[3] / "vault" / "web" / "pages" / "console"


def base(tenant: Tenant) -> str:
    """Return the path of the account's pages."""
    return f"/console/accounts/{tenant.name}"


def another(house: House, tenant: Tenant):
    """Return a client with a session of a key that the operator made, not the maker of the other keys."""
    _, key = house.call(
        house.vault.accounts.api_keys.issue,
        name="second",
        scopes=["*"],
        account_id=tenant.id,
        actor="operator",
    )
    client = house.client(OWN)
    assert client.post("/console/sign-in", data={"key": key.text}).status_code == 303
    return client


def test_a_rule_makes_a_second_person_approve(house: House, tenant: Tenant):
    """A shorter retention policy waits; who asked cannot approve; another does, and it is carried out once."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/approvals"
    shown = client.get(path).text
    for words in ("Release of a hold", "Change of who may sign in"):
        assert f'<input type="checkbox" checked disabled> <span>{words}' in shown, words
    assert 'name="verbs" value="sign_in_connection"' not in shown
    rule = {"nonce": "1", "enabled": "on", "verbs": ["retention_policy"], "name": tenant.name}
    assert client.post(f"{base(tenant)}/approval-rule", data=rule | {"name": "x"}).status_code == 422
    assert client.post(f"{base(tenant)}/approval-rule", data=rule).status_code == 303
    looser = client.post(
        f"{base(tenant)}/approval-rule", data=rule | {"nonce": "2", "enabled": "", "stays_off": "on"}
    )
    assert looser.headers["location"].endswith("done=asked")
    policy = {
        "version": "0",
        "classes.0.class": "a",
        "classes.0.purpose": "b",
        "classes.0.period": "1 year",
        "time_zone": "UTC",
        "waiting_days": "7",
    }
    retention = f"{base(tenant)}/retention"
    form = form_of(client.post(f"{retention}/preview", data=policy), retention) | {"name": tenant.name}
    places = {client.post(retention, data=form).headers["location"] for _ in range(2)}
    assert len(places) == 1
    page = places.pop().partition("?")[0]
    assert page.startswith(path)
    assert "You asked for it" in client.get(page).text
    assert "retention.changed" not in tenant.types()
    second = another(house, tenant)
    approve = form_of(second.get(page), page) | {"name": tenant.name}
    assert second.post(page, data=approve | {"name": ""}).status_code == 422
    wrong = second.post(page, data=approve | {"digest": "0" * 64})
    assert wrong.status_code == 409
    assert second.post(page, data=approve).headers["location"].endswith("done=approved")
    assert tenant.types().count("retention.changed") == 1
    assert "carried out" in client.get(page).text
    gone = looser.headers["location"].partition("?")[0]
    veto = client.post(gone, data={"nonce": "9", "decision": "veto"})
    assert veto.headers["location"].endswith("done=taken_back")
    assert "taken back by who asked" in client.get(path).text


def test_a_key_is_shown_once_and_a_double_submit_makes_one(house: House, tenant: Tenant):
    """No scope that the session lacks; a revoked key's session ends; names are text."""
    client, path = sign_in(house, tenant.name, "keys:write", "audit:read"), f"{base(tenant)}/access/keys"
    form = form_of(client.get(path), path) | {"title": MARKUP, "scopes": ["audit:read"]}
    empty = client.post(path, data=form | {"scopes": []})
    assert (empty.status_code, 'id="wrong-scopes"' in empty.text) == (422, True)
    assert client.post(path, data=form | {"scopes": ["*"], "nonce": "0"}).status_code == 403
    made = [client.post(path, data=form).text for _ in range(2)]
    shown = {text.split('aria-label="API key">')[1].split("<")[0] for text in made}
    assert len(shown) == 1
    assert shown.copy().pop() not in client.get(path).text
    assert MARKUP not in made[0]
    # Of all accounts on this server, oldest first: other tests make keys too.
    found, page = [], {"next_cursor": ""}
    while "next_cursor" in page and (cursor := page["next_cursor"]) is not None:
        page = tenant.http.get(
            "/v1/keys", params={"limit": 200} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += page["items"]
    (key,) = [one for one in found if one["name"] == MARKUP]
    other = house.client(OWN)
    other.post("/console/sign-in", data={"key": shown.pop()})
    assert other.get(f"{base(tenant)}/log").status_code == 200
    assert client.post(f"{path}/{key['id']}/revocation", data={"nonce": "5", "name": "x"}).status_code == 422
    assert client.post(f"{path}/{key['id']}/revocation", data={"nonce": "6", "name": tenant.name}).is_redirect
    assert other.get(f"{base(tenant)}/log").status_code == 303


def test_a_session_is_ended_by_another(house: House, tenant: Tenant):
    """Its next request leads to the sign-in page; another account's session does not exist."""
    client, other = sign_in(house, tenant.name), sign_in(house, tenant.name)
    path = f"{base(tenant)}/access"
    sessions = tenant.http.get(tenant.url("/console-sessions")).json()["items"]
    for one in sessions:
        if f"sessions/{one['id']}/end" in client.get(path).text and one["id"] != _own(client.get(path).text):
            client.post(f"{path}/sessions/{one['id']}/end", data={"nonce": one["id"]})
    assert other.get(path).status_code == 303
    foreign = Tenant.open(house.admin)
    sign_in(house, foreign.name)
    theirs = foreign.http.get(foreign.url("/console-sessions")).json()["items"][0]["id"]
    assert client.post(f"{path}/sessions/{theirs}/end", data={"nonce": "x"}).status_code == 404


def _own(page: str) -> str:
    """Return the id of the page's own session: the first form of a session after "this one"."""
    return page.split("this one")[1].split("/sessions/")[1].split("/", maxsplit=1)[0]


def test_a_platform_is_connected_and_its_secret_never_shown(house: House, tenant: Tenant):
    """What is wrong is said, the secret is in no page, and a deletion asks for the connection's name."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/connections"
    form = form_of(client.get(f"{path}/new?provider=platform"), path)
    form |= {"title": "second", "secret.secret": "no-secret-of-it"}
    wrong = client.post(path, data=form)
    assert wrong.status_code == 422
    assert 'id="wrong-secret.secret"' in wrong.text
    # What was typed stays while the form is mended, secrets too.
    assert "no-secret-of-it" in wrong.text
    answer = client.post(path, data=form | {"secret.secret": tenant.secret})
    assert answer.headers["location"] == f"{path}/second?done=connected"
    page = client.get(f"{path}/second")
    assert "/webhooks/platform/conn_" in page.text
    assert tenant.secret not in page.text + client.get(path).text
    assert client.post(f"{path}/second/deletion", data={"nonce": "1", "name": "x"}).status_code == 422
    assert client.post(f"{path}/second/deletion", data={"nonce": "2", "name": "second"}).status_code == 303
    assert client.get(f"{path}/second").status_code == 404


def test_the_key_is_rotated_once(house: House, tenant: Tenant):
    """With the name typed; the page shows the versions."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/connections/keys"
    assert "version 1" in client.get(path).text
    form = {"nonce": "1", "name": tenant.name}
    assert client.post(f"{path}/rotation", data=form | {"name": ""}).status_code == 422
    for _ in range(2):
        assert client.post(f"{path}/rotation", data=form).status_code == 303
    assert "version 2" in client.get(path).text
    bad = client.post(f"{path}/own-key", data={"nonce": "2", "key": "no-arn", "name": tenant.name})
    assert (bad.status_code, 'value="no-arn"' in bad.text) == (409, True)  # The first rotation still runs.


def test_what_is_shown_once_can_be_copied():
    """On every page: a key, a secret or an address that nobody can ask for again has a button that copies it."""
    printed = re.compile(r"\{\{ *([^}\"]*\bmade\b[^}]*|\w+\([^}]*\bmade\)) *\}\}")
    found = {path.name: printed.findall(path.read_text()) for path in PAGES.glob("*.html")}
    once = [(name, text) for name, texts in found.items() for text in texts]
    assert len(once) == 8
    assert [one for one in once if not one[1].startswith(("copied(", "secret_panel("))] == []


def test_who_gives_access_reads_what_it_is(house: House, tenant: Tenant):
    """Each role and scope has its sentence, at its box; none ticked is said in the words of a form."""
    client = sign_in(house, tenant.name)
    keys, invitation = f"{base(tenant)}/access/keys", f"{base(tenant)}/access/invitation"
    for path, name, words in ((keys, "scopes", SCOPE_WORDS), (invitation, "roles", ROLE_WORDS)):
        page = html.unescape(client.get(path).text)
        boxes = re.findall(rf'name="{name}" value="([^"]+)" aria-describedby="([^"]+)"', page)
        assert len(boxes) >= 5
        for value, at in boxes:
            assert f'id="{at}">{words[value]}</p>' in page, value
    wrong = client.post(keys, data={"nonce": "n", "title": ""})
    assert wrong.status_code == 422
    assert "Tick at least one." in wrong.text
    assert wrong.text.count('class="wrong"') == 2
    wrong = client.post(f"{base(tenant)}/access/members", data={"nonce": "n", "title": "Kim"})
    assert "Tick at least one." in wrong.text
