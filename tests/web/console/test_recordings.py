"""The list of recordings, its search, and what can be done with one."""

import html
import re
from urllib.parse import unquote

import pytest
from sqlalchemy import update

from tests.support.console import MARKUP, furnished, nonce_of, sign_in
from tests.support.tenant import Tenant, tone
from tests.support.web_house import AUDIO, House
from vault.database.schema.core import recordings
from vault.web.console.playback.listen import draw
from vault.web.console.recordings import recording as recording_page


@pytest.fixture(scope="module")
def account(house: House) -> tuple[Tenant, dict[str, str]]:
    """An account with recordings in several states, for tests that change none."""
    return furnished(house)


def base(tenant: Tenant) -> str:
    """Return the path of the account's recordings."""
    return f"/console/accounts/{tenant.name}/recordings"


def test_a_number_stands_in_no_address(house: House, account: tuple[Tenant, dict[str, str]]):
    """A search is a POST; its address has an id that opens for this session alone."""
    tenant, ids = account
    client = sign_in(house, tenant.name)
    for spelling in ("+14155550142", "(415) 555-0142", "1-415-555-0142"):
        found = client.post(f"{base(tenant)}/search", data={"number": spelling, "state": ""})
        where = found.headers["location"]
        # The id of the search has digits too.
        assert (found.status_code, re.search(r"555.?0142", unquote(where))) == (303, None)
        shown = client.get(where)
        assert ids["kept-1"] in shown.text, spelling
        assert ids["kept-2"] not in shown.text
    by_agent = client.post(f"{base(tenant)}/search", data={"agent": "Robin Achterberg"}).headers["location"]
    assert "Robin" not in by_agent
    assert ids["kept-2"] in client.get(by_agent).text
    other = sign_in(house, tenant.name).get(where)
    assert "This search is over" in other.text
    assert ids["kept-1"] not in other.text


def test_filters_name_the_wrong_field_and_keep_what_was_typed(
    house: House, account: tuple[Tenant, dict[str, str]]
):
    """422 on the page, beside the field."""
    tenant, _ = account
    client = sign_in(house, tenant.name)
    for query, words in (
        ("from=yesterday", "Write a day"),
        ("state=odd", "no such state"),
        ("cursor=x", "cursor"),
    ):
        answer = client.get(f"{base(tenant)}?{query}")
        assert answer.status_code == 422, query
        assert words in answer.text, query
    wrong = client.get(
        client.post(f"{base(tenant)}/search", data={"number": "not a number"}).headers["location"]
    )
    assert wrong.status_code == 422
    assert 'value="not a number"' in wrong.text
    quarantined = client.get(f"{base(tenant)}?state=quarantined&from=2020-01-01&to=2100-01-01").text
    assert quarantined.count("<tr>") == 4  # Three, and the head.


def test_more_pages_neither_repeat_nor_hide(house: House, monkeypatch: pytest.MonkeyPatch):
    """The link to more leads on by a cursor; a recording that arrives meanwhile shifts nothing."""
    tenant = Tenant.open(house.admin)
    ids = [tenant.put(b"RIFF" + bytes([n] * 100), call=f"c{n}", ref=f"r{n}").json()["id"] for n in range(5)]
    monkeypatch.setattr("vault.web.console.recordings.recordings._PAGE_SIZE", 2)
    client, seen, where = sign_in(house, tenant.name), [], base(tenant)
    while True:
        page = client.get(where).text
        seen += [one for one in reversed(ids) if one in page]
        tenant.put(b"RIFF" + bytes([100 + len(seen)] * 100), call="late", ref=f"late{len(seen)}")
        if (more := re.search(r'href="([^"]+)">More<', page)) is None:
            break
        where = html.unescape(more[1])
    assert seen == list(reversed(ids))


def test_opening_a_recording_is_logged_and_shows_its_story(
    house: House, account: tuple[Tenant, dict[str, str]]
):
    """The call, why it is here, its history and links; markup in any of them is text."""
    tenant, ids = account
    client = sign_in(house, tenant.name)
    page = client.get(f"{base(tenant)}/{ids['odd']}").text
    assert MARKUP not in page
    assert page.count("&lt;script&gt;alert(1)") >= 2  # The agent, and the listener.
    assert tenant.types(ids["odd"])[-1] == "details.read"
    assert "Why is it still here?" in page
    assert "Uploaded" in page
    narrow = sign_in(house, tenant.name, "recordings:read").get(f"{base(tenant)}/{ids['odd']}").text
    assert "Why is it still here?" not in narrow
    assert "History" not in narrow
    assert "links:write" in narrow
    assert "Erase" not in narrow


def test_a_long_history_is_cut_and_leads_to_the_log(house: House, monkeypatch: pytest.MonkeyPatch):
    """The page does not grow with the links of a recording: the newest entries, and where the others are."""
    tenant, ids = furnished(house)
    monkeypatch.setattr(recording_page, "_MAX_HISTORY", 2)
    for _ in range(3):
        tenant.link(ids["kept-1"])
    page = sign_in(house, tenant.name).get(f"{base(tenant)}/{ids['kept-1']}").text
    story = page.partition('<ol class="story">')[2].partition("</ol>")[0]
    assert story.count("<li>") == 2
    earlier = re.search(rf'href="([^"]+/log\?recording={ids["kept-1"]})">(\d+) earlier entries', page)
    assert earlier is not None
    assert int(earlier[2]) + 2 == len(tenant.get(f"{ids['kept-1']}/history")["items"])
    assert sign_in(house, tenant.name).get(earlier[1]).status_code == 200


def test_acts_are_those_of_rest(house: House):
    """Restrict, lift, hold, revoke and erase change what REST shows, once for each form, with the key as the actor."""
    tenant, ids = furnished(house)
    client, one = sign_in(house, tenant.name), ids["kept-1"]
    page = f"{base(tenant)}/{one}"
    nonce = nonce_of(client.get(page))
    for wanted in ("on", "off"):
        form = {
            "nonce": f"{nonce}{wanted}",
            "restricted": wanted,
            "reason": "asked" if wanted == "on" else "",
        }
        for _ in range(2):
            answer = client.post(f"{page}/restriction", data=form)
            assert answer.status_code == 303, answer.text
        assert tenant.get(one)["flags"]["restricted"] is (wanted == "on")
    assert tenant.types(one).count("recording.restricted") == 1
    unnamed = client.post(f"{page}/hold", data={"nonce": "h0", "hold_name": "", "hold_reason": "r"})
    assert unnamed.status_code == 422
    assert client.post(f"{page}/erasure", data={"nonce": "e0", "name": "other"}).status_code == 422
    link = tenant.http.get(tenant.url(f"/recordings/{one}/links")).json()["items"][0]["id"]
    assert client.post(f"{page}/links/{link}/revocation", data={"nonce": "l"}).status_code == 303
    held = client.post(f"{page}/hold", data={"nonce": "h1", "hold_name": "Case 7", "hold_reason": "court"})
    assert held.status_code == 303
    forbidden = client.post(f"{page}/erasure", data={"nonce": "e1", "name": "kept-1"})
    assert forbidden.status_code == 409
    assert "A hold covers it" in forbidden.text
    two = f"{base(tenant)}/{ids['odd']}"
    assert client.post(f"{two}/erasure", data={"nonce": "e2", "name": "odd"}).status_code == 303
    assert tenant.get(ids["odd"])["state"] in {"erasing", "erased"}
    assert client.get(two).status_code == 200
    actors = {event["actor"] for event in tenant.events(one) if event["type"] == "recording.restricted"}
    assert {actor[:4] for actor in actors} == {"key_"}


def test_a_ground_erases_before_a_minimum_with_a_second_person(house: House, tenant: Tenant):
    """Nothing is erased before another person approves what was asked for, the ground included."""
    recording = tenant.uploaded(AUDIO)
    client, page = sign_in(house, tenant.name), f"{base(tenant)}/{recording}"
    call = house.call(house.vault.recordings.recordings.read, tenant.id, recording).recording.call_ref
    wrong = client.post(f"{page}/erasure", data={"nonce": "1", "name": call, "ground": "none"})
    assert (wrong.status_code, 'id="wrong-ground"' in wrong.text) == (422, True)
    said = {"nonce": "2", "name": call, "ground": "unlawful_recording"}
    asked = client.post(f"{page}/erasure", data=said).headers["location"]
    assert asked.endswith("?done=asked")
    assert tenant.get(recording)["state"] == "available"
    waits = tenant.http.get(tenant.url(f"/approvals/{asked.partition('?')[0].rpartition('/')[2]}")).json()
    assert waits["kind"] == "erasure_within_minimum"
    assert "unlawful_recording" in waits["document"]


def test_listening_needs_a_purpose_and_is_a_session_of_its_own(house: House):
    """Without a purpose the field is named; with one the player opens, and nobody else's cookie opens it."""
    tenant, ids = furnished(house)
    client = sign_in(house, tenant.name)
    page = f"{base(tenant)}/{ids['kept-1']}/listening"
    refused = client.post(page, data={"nonce": "n1"})
    assert refused.status_code == 422
    assert "Choose a purpose" in refused.text
    opened = client.post(page, data={"nonce": "n2", "purpose": "dispute", "purpose_text": "case 7"})
    assert opened.status_code == 303
    player = opened.headers["location"]
    # A form that is sent twice runs once.
    again = client.post(page, data={"nonce": "n2", "purpose": "dispute", "purpose_text": "case 7"})
    assert (again.status_code, again.headers["location"]) == (303, player)
    types = [event["type"] for event in tenant.events(ids["kept-1"])]
    # The account was furnished with another link.
    assert (types.count("link.created"), types.count("playback.open")) == (2, 1)
    assert client.get(player).status_code == 200
    assert client.get(f"{player}/audio").status_code == 200
    assert sign_in(house, tenant.name).get(player).status_code == 404
    made = next(event for event in tenant.events(ids["kept-1"])[::-1] if event["type"] == "link.created")
    assert made["result"] == "dispute"
    assert made["detail"] == {"listener": "test", "purpose": "case 7"}
    restricted = client.post(
        f"{base(tenant)}/{ids['kept-2']}/listening", data={"nonce": "n", "purpose": "quality"}
    )
    assert restricted.status_code == 409


def test_a_drawn_waveform_has_no_style():
    """An image of two channels: paths and attributes alone, which the policy allows anywhere."""
    image = draw([[-128, 127] * 300, [0, 0] * 300])
    assert image.count("<path") == 2
    assert "style" not in image
    assert 'viewBox="0 0 240 80"' in image
    assert draw([[-1, 1]]).count("M") == 120


def test_recordings_are_found_by_their_retention_class(house: House):
    """The classes of the policy are offered to readers of the audit; REST takes the same filter."""
    tenant, ids = furnished(house)
    policy = {"classes": [{"class": "quality", "purpose": "Train staff", "period": "P6M"}]}
    preview = house.admin.post(tenant.url("/retention-policy/preview"), json=policy).json()
    headers = {"Preview-Digest": preview["digest"]}
    assert house.admin.put(tenant.url("/retention-policy"), json=policy, headers=headers).status_code == 200
    mine = update(recordings).where(recordings.c.id == ids["kept-1"]).values(retention_class="quality")
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(mine))
    client = sign_in(house, tenant.name)
    assert '<option value="quality">' in client.get(base(tenant)).text
    found = client.post(f"{base(tenant)}/search", data={"class": "quality"}).headers["location"]
    shown = client.get(found).text
    assert ids["kept-1"] in shown
    assert ids["kept-2"] not in shown
    narrow = sign_in(house, tenant.name, "recordings:read")
    assert 'id="field-class"' not in narrow.get(base(tenant)).text
    answer = house.admin.get(tenant.url("/recordings"), params={"retention_class": "quality"})
    assert [one["id"] for one in answer.json()["items"]] == [ids["kept-1"]]


def test_a_part_of_an_agents_name_offers_the_whole_names(house: House):
    """Where several have it; the other filters stay. One alone is found at once, and so it is without accents."""
    tenant, ids = furnished(house)
    for call, name in (("e1", "Émilie Lindqvist"), ("z1", "Zoë Lindqvist")):
        facts = {"direction": "inbound", "from": "+12025550123", "to": "+14155550143", "agent": name}
        facts["started_at"] = "2026-01-20T09:30:00Z"
        put = house.admin.put(tenant.url(f"/calls/{call}"), json=facts)
        assert put.status_code == 200, put.text
        ids[name] = tenant.put(tone(1.0), call=call, ref=call).json()["id"]
        tenant.wait(ids[name])
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/recordings"
    found = client.post(f"{base}/search", data={"agent": "LINDQ", "state": "available"})
    page = client.get(found.headers["location"]).text
    assert re.findall(r'name="agent" value="([^"]+)">', page) == [
        "Marta Lindqvist",
        "Zoë Lindqvist",
        "Émilie Lindqvist",
    ]
    for part in ("emi", "EMILIE lind", "émi"):
        one = client.get(client.post(f"{base}/search", data={"agent": part}).headers["location"]).text
        assert "These are recordings of Émilie Lindqvist" in one, part
        assert [ids[name] in one for name in ("Émilie Lindqvist", "Zoë Lindqvist", "kept-1")] == [
            True,
            False,
            False,
        ]
    assert '<input type="hidden" name="state" value="available">' in page
    whole = client.post(f"{base}/search", data={"agent": "Marta Lindqvist", "state": "available"})
    listed = client.get(whole.headers["location"]).text
    assert (ids["kept-1"] in listed, ids["kept-2"] in listed) == (True, False)
    nobody = client.get(client.post(f"{base}/search", data={"agent": "Nobody"}).headers["location"]).text
    assert "No agent of the newest 200 recordings" in nobody


def test_the_order_of_the_list_is_told(house: House):
    """It goes by arrival: a recording that came long after its call says when."""
    tenant, ids = furnished(house)
    page = sign_in(house, tenant.name).get(f"/console/accounts/{tenant.name}/recordings").text
    assert "Recordings, last arrival first" in page
    row = page[page.index(ids["kept-1"]) :].partition("</tr>")[0]
    call, arrived = re.findall(r'<time datetime="([^"]+)"', row)
    assert call == "2026-01-10T09:30:00Z"
    assert arrived == tenant.get(ids["kept-1"])["received_at"].partition(".")[0].rstrip("Z") + "Z"
