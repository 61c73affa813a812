"""People listening: by listener, revoked together, exported.

A person whose role is limited to the recordings of some agents, at every door of the console.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import unquote_plus

import httpx
import pytest

from tests.support.console import MARKUP, furnished, nonce_of, sign_in
from tests.support.provider_scene import Scene
from tests.support.tenant import open_link, tone
from tests.support.web_house import House
from tests.web.console.doors import DOORS, NOBODY, PREFIX
from vault.web.console.list_pages import harmless

#: Doors that a limit opens; at those with a recording, only for recordings of the agents.
OPEN = {
    ("GET", "/recordings"),
    ("POST", "/recordings/search"),
    ("GET", "/recordings/{recording}"),
    ("GET", "/recordings/{recording}/waveform.svg"),
    ("GET", "/recordings/{recording}/evidence"),
    ("POST", "/recordings/{recording}/listening"),
    ("GET", "/recordings/{recording}/share"),
    ("POST", "/recordings/{recording}/metadata"),
    ("POST", "/recordings/{recording}/links"),
    ("POST", "/recordings/{recording}/links/{link}/revocation"),
    ("GET", "/people"),
    ("POST", "/people/search"),
}


def test_all_links_of_one_listener_are_revoked_with_the_name_typed(house: House):
    """Found by an address without the name; another listener's link stays."""
    tenant, ids = furnished(house)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/people"
    links = [tenant.link(ids["kept-1"], listener="Kim Doe") for _ in range(3)]
    stays = tenant.link(ids["kept-1"], listener="Ada Lovelace")
    opened = open_link(house.client(), links[0]["url"], nonce="n")
    assert opened.status_code == 303
    found = client.post(f"{base}/search", data={"listener": "Kim Doe"})
    assert "Kim Doe" not in unquote_plus(found.headers["location"])
    shown = client.get(found.headers["location"]).text
    assert "4 links cannot be opened any more" in shown
    assert "Lovelace" not in shown
    assert "never" in shown
    form = {"nonce": "n", "listener": "Kim Doe", "name": "Kim"}
    assert client.post(f"{base}/revocation", data=form).status_code == 422
    assert tenant.types().count("link.revoked") == 0
    for _ in range(2):
        assert client.post(f"{base}/revocation", data=form | {"name": "Kim Doe"}).status_code == 303
    assert tenant.types().count("link.revoked") == 4
    assert house.client().get(links[1]["url"]).status_code == 404
    assert house.client().get(stays["url"]).status_code == 200


def test_who_opened_is_for_readers_of_the_audit(house: House):
    """recordings:read sees the links, as at REST; audit:read besides sees when they were opened."""
    tenant, _ = furnished(house)
    base = f"/console/accounts/{tenant.name}/people"
    assert ">Opened<" not in sign_in(house, tenant.name, "recordings:read").get(base).text
    assert ">Opened<" in sign_in(house, tenant.name, "recordings:read", "audit:read").get(base).text


def test_the_export_holds_each_disclosure_and_no_formula(house: House):
    """A listener named like a formula is a text in the table; the log with proofs is REST's."""
    tenant, ids = furnished(house)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/people"
    url = tenant.link(ids["kept-1"], listener="=HYPERLINK(1)")["url"]
    browser = house.client()
    assert browser.get(f"{open_link(browser, url, nonce='n').headers['location']}/audio").status_code == 200
    rows = list(csv.DictReader(io.StringIO(client.get(f"{base}/export.csv").text)))
    mine = [row for row in rows if row["listener"] == "'=HYPERLINK(1)"]
    assert {row["recording"] for row in mine} == {ids["kept-1"]}
    assert int(mine[0]["granted_bytes"]) > 0
    proofs = client.get(f"/console/accounts/{tenant.name}/log/export")
    assert proofs.status_code == 200
    assert proofs.headers["content-disposition"].startswith("attachment")
    assert harmless("+1") == "'+1"
    assert harmless("Ada") == "Ada"


def test_links_are_found_by_the_day_on_which_they_were_made(house: House):
    """The days stand in the address and narrow the list; a wrong one is named beside its field."""
    tenant, ids = furnished(house)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/people"
    links = house.admin.get(tenant.url(f"/recordings/{ids['kept-1']}/links")).json()["items"]
    today = date.fromisoformat(links[0]["created_at"][:10])  # By the clock, it may be tomorrow by now.
    found = client.post(f"{base}/search", data={"from": today.isoformat(), "listener": "Kim Doe"})
    assert f"from={today}" in found.headers["location"]
    assert "Kim Doe" in client.get(found.headers["location"]).text
    before = client.get(f"{base}?to={today - timedelta(days=1)}").text
    assert "There is no such link." in before
    wrong = client.get(f"{base}?from=yesterday")
    assert (wrong.status_code, "Write a day" in wrong.text) == (422, True)
    asked = {"from": f"{today}T00:00:00Z", "to": f"{today + timedelta(days=1)}T00:00:00Z"}
    assert house.admin.get(tenant.url("/links"), params=asked).json()["items"]
    asked["from"] = asked["to"]
    assert not house.admin.get(tenant.url("/links"), params=asked).json()["items"]


@pytest.fixture
def recordings(scene: Scene) -> dict[str, str]:
    """Return a recording of each of two agents, and one of nobody."""
    ids = {}
    for number, agent in enumerate(("Kim Ager", f"Lee {MARKUP}", None)):
        call = f"call-{number}"
        facts = {
            "direction": "inbound", "from": "+12025550100", "to": "+12025550199", "started_at": "2026-01-31T09:28:00Z",
        }  # fmt: skip
        told = scene.tenant.http.put(
            scene.tenant.url(f"/calls/{call}"), json=facts | ({"agent": agent} if agent else {})
        )
        assert told.status_code == 200, told.text
        ids[agent or ""] = scene.tenant.uploaded(tone(0.3, hertz=300 + number), call=call, ref=call)
    return ids


@pytest.fixture
def browser(scene: Scene, recordings: dict[str, str]) -> Iterator[httpx.Client]:
    """Return a supervisor of Kim's recordings."""
    scene.put(roles=[{"value": "staff", "role": "supervisor", "agents": ["kim ager"]}])
    browser = scene.browser()
    assert scene.sign_in(browser).headers["location"] == "/console"
    return browser


def ask(browser: httpx.Client, scene: Scene, door: tuple[str, str], recording: str) -> httpx.Response:
    """Knock at a door."""
    method, path = door
    url = PREFIX.format(account=scene.tenant.name) + path.format(**NOBODY | {"recording": recording})
    form = DOORS[door][1] or {}
    sent = {name: value.format(account=scene.tenant.name) for name, value in form.items()}
    if method == "GET":
        return browser.get(url)
    return browser.post(url, data={"nonce": f"{method}{path}{recording}"} | sent)


def test_every_door_keeps_the_limit(scene: Scene, recordings: dict[str, str], browser: httpx.Client):
    """Own recordings open; others are as absent as one that never was; what is of the whole account is 403."""
    (session,) = scene.tenant.http.get(scene.tenant.url("/console-sessions")).json()["items"]
    assert (session["scopes"], "recordings:read" in session["limited_scopes"]) == ([], True)
    kim, *others = recordings.values()
    for door in DOORS:
        answer = ask(browser, scene, door, kim)
        if door not in OPEN:
            assert answer.status_code == 403, door
            continue
        if "{link}" not in door[1]:
            assert answer.status_code in {200, 303}, (door, answer.text)
        if "{recording}" in door[1]:
            foreign = [ask(browser, scene, door, one) for one in (*others, NOBODY["recording"])]
            assert {one.status_code for one in foreign} == {404}, door
            assert len({one.text for one in foreign}) == 1, door


def test_a_part_of_a_name_offers_no_agent_beyond_the_limit(
    scene: Scene, recordings: dict[str, str], browser: httpx.Client
):
    """Both agents have an "e" in their names; only the own one is found, and of the other one nothing is told."""
    search = f"{PREFIX.format(account=scene.tenant.name)}/recordings/search"

    def found(part: str) -> tuple[list[str], set[str]]:
        page = browser.get(browser.post(search, data={"agent": part}).headers["location"]).text
        named = re.findall(r'These are recordings of ([^,]+),|name="agent" value="([^"]+)">', page)
        return ["".join(one) for one in named], {one for one in recordings.values() if one in page}

    assert recordings.keys() >= {"Kim Ager", f"Lee {MARKUP}"}
    assert found("e") == (["Kim Ager"], {recordings["Kim Ager"]})
    assert found("Lee") == ([], set())


def test_lists_have_only_what_is_within_the_limit(
    scene: Scene, recordings: dict[str, str], browser: httpx.Client
):
    """Recordings, searches for another agent, links and their listeners; the navigation leads to nothing else."""
    kim, lee, nobody = recordings.values()
    for recording, listener in ((kim, "Ada of Kim"), (lee, "Bob of Lee"), (nobody, "Cy of nobody")):
        scene.tenant.link(recording, listener=listener)
    home = browser.get("/console")
    assert home.headers["location"] == f"{scene.home}/recordings"
    page = browser.get(f"{scene.home}/recordings")
    assert [one in page.text for one in (kim, lee, nobody)] == [True, False, False]
    assert "Overview" not in page.text
    assert f"{scene.home}/people" in page.text
    for agent, found in (("Kim Ager", True), (f"Lee {MARKUP}", False)):
        search = browser.post(f"{scene.home}/recordings/search", data={"agent": agent}).headers["location"]
        assert (kim in browser.get(search).text) is found
        assert lee not in browser.get(search).text
    people = browser.get(f"{scene.home}/people").text
    assert ["Ada of Kim" in people, "Bob of Lee" in people, "Cy of nobody" in people] == [True, False, False]
    bobs = browser.post(f"{scene.home}/people/search", data={"listener": "Bob of Lee"}).headers["location"]
    assert lee not in browser.get(bobs).text
    page = browser.get(f"{scene.home}/recordings/{kim}").text
    assert "Ada of Kim" in page
    assert f"{kim}/erasure" not in page


def test_a_person_listens_within_the_limit(scene: Scene, recordings: dict[str, str], browser: httpx.Client):
    """A session of one's own plays; a link to another agent's recording can neither be made nor revoked."""
    kim, lee, _ = recordings.values()
    nonce = nonce_of(browser.get(f"{scene.home}/recordings/{kim}"))
    form = {"purpose": "quality", "nonce": nonce}
    went = browser.post(f"{scene.home}/recordings/{kim}/listening", data=form)
    assert went.status_code == 303
    assert browser.get(f"{went.headers['location']}/audio").status_code == 200
    link = scene.tenant.link(lee)
    for recording in (lee, kim):
        path = f"{scene.home}/recordings/{recording}/links/{link['id']}/revocation"
        assert browser.post(path, data={"nonce": recording}).status_code == 404
    assert scene.house.client().get(link["url"]).status_code == 200


def test_notes_are_kept_within_the_limit(scene: Scene, recordings: dict[str, str], browser: httpx.Client):
    """The player of an agent's recording takes them; that of another recording, opened by a link, does not."""
    kim, lee, _ = recordings.values()
    for recording, allowed in ((kim, True), (lee, False)):
        path = open_link(browser, scene.tenant.link(recording)["url"]).headers["location"]
        assert ('id="notes"' in browser.get(path).text) is allowed
        sent = browser.post(f"{path}/notes", data={"nonce": recording, "at": "0:00", "text": "n"})
        assert sent.status_code == (303 if allowed else 403)
        assert ("note.made" in scene.tenant.types(recording)) is allowed


def test_a_changed_limit_holds_at_the_next_request(
    scene: Scene, recordings: dict[str, str], browser: httpx.Client
):
    """Other agents make another mapping, which counts from the next sign-in; the old one is gone immediately."""
    kim, lee, _ = recordings.values()
    roles = [
        {"value": "staff", "role": "listener", "agents": [f"Lee {MARKUP}"]},
        {"value": "staff", "role": "auditor"},
    ]
    scene.put(roles=roles)
    assert browser.get(f"{scene.home}/recordings/{kim}").status_code == 403
    again = scene.browser()
    scene.sign_in(again)
    assert again.get(f"{scene.home}/recordings/{kim}").status_code == 404
    assert again.get(f"{scene.home}/recordings/{lee}").status_code == 200
    # What another mapping gives for the whole account has no limit.
    assert again.get(f"{scene.home}/log").status_code == 200
    assert again.get(scene.home).status_code == 403
    shown = scene.house.admin.get(scene.tenant.url("/sign-in-connections/main")).json()
    assert [one["agents"] for one in shown["roles"]] == [[f"Lee {MARKUP}"], []]


def test_only_roles_about_recordings_can_be_limited(scene: Scene):
    """Others are refused, by the field."""
    body = {"issuer": scene.provider.issuer, "client_id": "c"} | {
        "roles": [{"value": "v", "role": "privacy", "agents": ["Kim"]}]
    }
    refused = scene.house.admin.put(scene.tenant.url("/sign-in-connections/x"), json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, "roles.0.agents")
