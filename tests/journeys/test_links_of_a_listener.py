"""Every link of a listener, a recording or an account: listed, and revoked together."""

import httpx

from tests.support.tenant import Tenant, open_link, tone


def listed(tenant: Tenant, **wanted: str) -> list[str]:
    """Return the ids of the account's links, newest first, through every page."""
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = tenant.http.get(tenant.url("/links"), params={"limit": "2", **wanted, **cursor}).json()
        ids += [link["id"] for link in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = {"cursor": page["next_cursor"]}


def revoke(tenant: Tenant, **which: str) -> int:
    """Revoke, and return how many links were."""
    answer = tenant.http.post(tenant.url("/links/revocation"), json=which)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["revoked"])


def heard(browser: httpx.Client, session: httpx.Response) -> int:
    """Return the status of asking for the audio of an open session."""
    return browser.get(f"{session.headers['location']}/audio").status_code


def test_an_agent_s_own_links_are_listed_and_revoked(tenant: Tenant, browser: httpx.Client):
    """By the listener's name, whatever its case; other listeners keep theirs."""
    recording = tenant.uploaded(tone())
    kim = [tenant.link(recording, listener="Kim Ager") for _ in range(3)]
    lee = tenant.link(recording, listener="Lee")
    assert listed(tenant) == [lee["id"], *(link["id"] for link in reversed(kim))]
    assert listed(tenant, listener="kim ager") == [link["id"] for link in reversed(kim)]
    assert listed(tenant, listener="Nobody") == []
    playing = open_link(browser, kim[0]["url"])
    assert (playing.status_code, heard(browser, playing)) == (303, 200)
    assert revoke(tenant, listener="Kim Ager") == 3
    assert heard(browser, playing) == 404
    assert [browser.get(link["url"]).status_code for link in (*kim, lee)] == [404, 404, 404, 200]
    assert listed(tenant, open="true") == [lee["id"]]
    assert revoke(tenant, listener="Kim Ager") == 0
    assert tenant.types(recording).count("link.revoked") == 3


def test_the_links_of_a_recording_and_of_an_account_are_revoked(tenant: Tenant, browser: httpx.Client):
    """A recording's links go with one request, and all of the account's with another."""
    one, other = tenant.uploaded(tone(), ref="one"), tenant.uploaded(tone(), ref="other")
    links = [tenant.link(recording) for recording in (one, one, other)]
    assert revoke(tenant, recording=one) == 2
    assert [browser.get(link["url"]).status_code for link in links] == [404, 404, 200]
    assert revoke(tenant) == 1
    assert browser.get(links[2]["url"]).status_code == 404


def test_another_account_s_links_stay(tenant: Tenant, browser: httpx.Client):
    """A recording of another account is as unknown as none, and its links are not listed."""
    other = Tenant.open(tenant.http)
    recording = other.uploaded(tone())
    link = other.link(recording)
    answer = tenant.http.post(tenant.url("/links/revocation"), json={"recording": recording})
    assert answer.status_code == 404
    assert (revoke(tenant), listed(tenant)) == (0, [])
    assert browser.get(link["url"]).status_code == 200
