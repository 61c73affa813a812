"""Quarantine at the console: what waits, and bulk acts with a preview."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.console import furnished, nonce_of, sign_in
from tests.support.web_house import House
from vault.web.console.recordings import quarantine


def test_a_bulk_release_leaves_out_and_names_what_does_not_wait_any_more(house: House):
    """The preview says three; one is refused meanwhile; two are released, once, and the third is named."""
    tenant, ids = furnished(house)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/quarantine"
    listed = client.get(base).text
    chosen = [ids["waits-1"], ids["waits-2"], ids["waits-3"]]
    assert all(one in listed for one in chosen)
    assert ids["kept-1"] not in listed
    nothing = client.post(f"{base}/preview", data={"verdict": "release"})
    assert (nothing.status_code, "Tick at least one" in nothing.text) == (422, True)
    preview = client.post(
        f"{base}/preview", data={"verdict": "release", "recording": [*chosen, ids["kept-1"]]}
    )
    assert "Release 3 recordings?" in preview.text
    assert "Call kept-1: available" in preview.text
    assert tenant.get(ids["waits-1"])["state"] == "quarantined"
    said = tenant.http.post(tenant.url(f"/recordings/{ids['waits-3']}/refusal"), json={"reason": "r"})
    assert said.status_code == 200
    form = {
        "nonce": nonce_of(preview),
        "verdict": "release",
        "recording": chosen,
        "reason": "the notice was played",
    }
    unexplained = client.post(f"{base}/verdict", data=form | {"reason": ""})
    assert unexplained.status_code == 422
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post(f"{base}/verdict", data=form), range(4)))
    assert {answer.status_code for answer in answers} <= {303, 409}
    where = {answer.headers["location"] for answer in answers if answer.status_code == 303}
    assert len(where) == 1
    result = client.get(where.pop()).text
    assert "2 of 3 done" in result
    assert "The recording is not in quarantine." in result
    assert [tenant.wait(one)["state"] for one in chosen[:2]] == ["available"] * 2
    assert tenant.types(ids["waits-1"]).count("recording.available") == 1
    assert sign_in(house, tenant.name).get(answers[0].request.url.path).status_code in {404, 405}


def test_a_bulk_refusal_asks_for_the_name(house: House):
    """Without the account's name nothing is refused; with it the keys are gone."""
    tenant, ids = furnished(house)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/quarantine"
    form = {"nonce": "n", "verdict": "refuse", "recording": [ids["waits-1"]], "reason": "nobody asked"}
    assert client.post(f"{base}/verdict", data=form | {"name": "other"}).status_code == 422
    assert tenant.get(ids["waits-1"])["state"] == "quarantined"
    done = client.post(f"{base}/verdict", data=form | {"name": tenant.name})
    assert done.status_code == 303
    assert "1 of 1 done" in client.get(done.headers["location"]).text
    assert tenant.get(ids["waits-1"])["state"] == "refused"


def test_all_that_wait_are_chosen_by_one_tick(house: House, monkeypatch: pytest.MonkeyPatch):
    """Also those of other pages; what was done names each by its number and time, and shows no id."""
    tenant, ids = furnished(house)
    monkeypatch.setattr(quarantine, "_PAGE_SIZE", 1)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/quarantine"
    listed = client.get(base).text
    assert "All 3 that wait" in listed
    assert 'title="Robin Achterberg">Robin Achterberg</span>' in listed
    assert ids["waits-1"] not in listed
    all_of_them = {"verdict": "release", "all": "yes"}
    monkeypatch.setattr(quarantine, "_MAX_CHOSEN", 2)
    assert "The newest 2 of the 3 that wait" in client.get(base).text
    assert "Release 2 recordings?" in client.post(f"{base}/preview", data=all_of_them).text
    monkeypatch.setattr(quarantine, "_MAX_CHOSEN", 100)
    preview = client.post(f"{base}/preview", data=all_of_them)
    chosen = re.findall(r'name="recording" value="(\w+)"', preview.text)
    assert sorted(chosen) == sorted(ids[f"waits-{number}"] for number in (1, 2, 3))
    form = {"nonce": nonce_of(preview), "verdict": "release", "recording": chosen[:2], "reason": "heard it"}
    result = client.get(client.post(f"{base}/verdict", data=form).headers["location"]).text
    assert "2 of 2 done" in result
    assert "1 still waits" in result
    names = re.findall(r'<li><a class="name" title="rec_\w+" href="[^"]+">(.*?)</a>: released</li>', result)
    told = {re.sub(r"<[^>]+>", "", one) for one in names}
    assert told == {
        f"Call of 2026-01-{day} 09:30 UTC with +120255501{last}" for day, last in ((15, 13), (14, 12))
    }


def test_of_all_some_can_be_left_out(house: House, monkeypatch: pytest.MonkeyPatch):
    """The tick for all stands above the table; what is unticked after it waits on, other pages go along."""
    tenant, ids = furnished(house)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/quarantine"
    listed = client.get(base).text
    assert listed.index("All 3 that wait") < listed.index("<table")
    everything = {f'value="{ids[f"waits-{number}"]}" checked' for number in (1, 2, 3)}
    assert all(one in client.get(f"{base}?ticked=all").text for one in everything)
    monkeypatch.setattr(quarantine, "_PAGE_SIZE", 2)
    page = client.get(f"{base}?ticked=all").text
    shown = re.findall(r'name="shown" value="(\w+)"', page)
    assert len(shown) == 2
    form = {"verdict": "release", "all": "yes", "one_by_one": "yes", "shown": shown, "recording": shown[:1]}
    preview = client.post(f"{base}/preview", data=form).text
    chosen = re.findall(r'name="recording" value="(\w+)"', preview)
    assert set(chosen) == {ids[f"waits-{number}"] for number in (1, 2, 3)} - {shown[1]}
    assert "1 is left out, because you took its tick away" in preview
    # Without a script no row is ticked: all is all.
    plain = client.post(f"{base}/preview", data={"verdict": "release", "all": "yes", "shown": shown}).text
    assert "Release 3 recordings?" in plain
    monkeypatch.setattr(quarantine, "_PAGE_SIZE", 50)
    shown = re.findall(r'name="shown" value="(\w+)"', client.get(base).text)
    nothing = client.post(f"{base}/preview", data=form | {"shown": shown, "recording": []})
    assert (nothing.status_code, "Tick at least one" in nothing.text) == (422, True)


def test_what_waits_is_not_told_to_who_may_only_decide(house: House):
    """A session without recordings:read cannot list by the tick what it cannot list otherwise."""
    tenant, ids = furnished(house)
    client = sign_in(house, tenant.name, "privacy:write")
    path = f"/console/accounts/{tenant.name}/quarantine/preview"
    answer = client.post(path, data={"verdict": "release", "all": "yes"})
    assert (answer.status_code, ids["waits-1"] in answer.text) == (403, False)
    assert client.post(path, data={"verdict": "release", "recording": ids["waits-1"]}).status_code == 200


def test_ids_of_another_account_are_as_if_absent(house: House):
    """In a preview and in a verdict: counted as missing, and not changed."""
    tenant, ids = furnished(house)
    other, _ = furnished(house)
    client, base = sign_in(house, other.name), f"/console/accounts/{other.name}/quarantine"
    form = {"nonce": "n", "verdict": "release", "recording": [ids["waits-1"]], "reason": "r"}
    assert "1 that this account does not have" in client.post(f"{base}/preview", data=form).text
    result = client.get(client.post(f"{base}/verdict", data=form).headers["location"]).text
    assert "0 of 1 done" in result
    assert tenant.get(ids["waits-1"])["state"] == "quarantined"


def test_who_decides_hears_a_recording_in_quarantine(house: House):
    """By its own scope, in a session of one's own, on record with the purpose; without the scope there is no button."""
    tenant, ids = furnished(house)
    base, waits = f"/console/accounts/{tenant.name}", ids["waits-1"]
    path = f"{base}/recordings/{waits}/listening"
    deaf = sign_in(house, tenant.name, "recordings:read", "links:write", "privacy:write")
    assert path not in deaf.get(f"{base}/quarantine").text
    refused = deaf.post(path, data={"nonce": "n", "purpose": "consent_check"})
    assert (refused.status_code, "quarantine:listen" in refused.text) == (403, True)
    client = sign_in(house, tenant.name, "recordings:read", "links:write", "quarantine:listen")
    listed = client.get(f"{base}/quarantine")
    assert f'formaction="{path}"' in listed.text
    other = client.post(path, data={"nonce": "n", "purpose": "quality"})
    assert (other.status_code, "quarantined" in other.text) == (409, True)
    opened = client.post(path, data={"nonce": nonce_of(listed), "purpose": "consent_check"})
    assert opened.status_code == 303, opened.text
    player = opened.headers["location"]
    assert client.get(player).status_code == 200
    assert client.get(f"{player}/audio").status_code == 200
    assert "consent_check" in str(tenant.events(waits))


def test_rest_makes_the_same_narrow_link(house: House):
    """One session without being asked; the key needs the scope."""
    tenant, ids = furnished(house)
    path = tenant.url(f"/recordings/{ids['waits-1']}/links")
    wish = {"listener": "Kim", "purpose": "consent_check"}
    narrow = house.client(house.key_for(tenant.name, "links:write"))
    assert narrow.post(path, json=wish).status_code == 403
    assert house.admin.post(path, json=wish).status_code == 201
    for field, value in (("kind", "media"), ("sessions", 2), ("download", True), ("expires_in", 3600)):
        answer = house.admin.post(path, json=wish | {field: value})
        assert (answer.status_code, answer.json()["field"]) == (422, field)
