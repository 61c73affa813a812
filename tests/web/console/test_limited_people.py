"""A person whose role is limited to the recordings of some agents, at every door of the console."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.console import MARKUP, nonce_of
from tests.support.provider_scene import Scene
from tests.support.tenant import open_link, tone
from tests.web.console.doors import DOORS, NOBODY, PREFIX

#: Doors that a limit opens; at those with a recording, only for recordings of the agents.
OPEN = {
    ("GET", "/recordings"),
    ("POST", "/recordings/search"),
    ("GET", "/recordings/{recording}"),
    ("GET", "/recordings/{recording}/waveform.svg"),
    ("GET", "/recordings/{recording}/evidence"),
    ("POST", "/recordings/{recording}/listening"),
    ("POST", "/recordings/{recording}/links/{link}/revocation"),
    ("GET", "/people"),
    ("POST", "/people/search"),
}


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
    assert (refused.status_code, refused.json()["field"]) == (422, "roles.agents")
