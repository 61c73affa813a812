"""The registers in the console, without scripts: the record, recipients, disclosures and requests of authorities."""

import html
import re

import httpx
import pytest

from tests.support.console import form_of, sign_in
from tests.support.register_entries import PROFILE, put, record
from tests.support.tenant import Tenant, open_link, tone
from tests.support.web_house import AUDIO, House
from tests.web.console.test_lists import links_of, rows_of
from vault.web.console.registers import disclosures

MARKUP = "<script>alert(1)</script>"


def base(tenant: Tenant) -> str:
    """Return the path of the registers."""
    return f"/console/accounts/{tenant.name}/registers"


def fields(page: httpx.Response) -> dict[str, str]:
    """Return what the fields of a page's last form hold, as a browser would send it."""
    form = page.text[page.text.rindex('class="panel">\n<input') :]
    sent = dict(
        re.findall(
            r'<input[^>]* name="([^"]+)"(?: type="[^"]*")?(?: inputmode="[^"]*")? value="([^"]*)"', form
        )
    )
    areas = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    sent |= {name: text.replace("\n", "\r\n") for name, text in areas}
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        assert chosen is not None
        sent[name] = chosen[1]
    ticks = re.findall(r'<input type="checkbox" name="([^"]+)" value="on"( checked)?', form)
    lists = re.findall(r'<input type="checkbox" name="([^"]+)" value="(?!on")', form)
    texts = {name: html.unescape(text) for name, text in sent.items() if name not in {*dict(ticks), *lists}}
    return texts | {name: "on" for name, checked in ticks if checked}


def test_the_record_is_completed_and_changes_are_not_lost(house: House, tenant: Tenant):
    """What is missing is named; the form keeps everything that it does not change; an old page overwrites nothing."""
    client, path = sign_in(house, tenant.name), base(tenant)
    assert ">the controller</a></li>" in client.get(path).text
    put(tenant)
    page = client.get(path)
    assert "Acme Limited, 1 High Street, Dublin" in page.text
    assert "consent, art. 6(1)(a)" in page.text
    assert ">the controller</a></li>" not in page.text
    sent = fields(client.get(f"{path}/record/change"))
    saved = client.post(f"{path}/record", data=sent)
    assert saved.headers["location"] == f"{path}?done=record_set"
    assert {name: record(tenant)[name] for name in ("purposes", "persons", "data")} == {
        name: PROFILE[name] for name in ("purposes", "persons", "data")
    }
    # The content is what it was, so there is no new revision.
    assert record(tenant)["revision"] == 1
    more = sent | {"nonce": "2", "purposes.2.purpose": MARKUP, "purposes.2.legal_basis": "consent"}
    assert client.post(f"{path}/record", data=more).status_code == 303
    assert record(tenant)["purposes"][2]["purpose"] == MARKUP
    assert MARKUP not in client.get(path).text
    old = client.post(f"{path}/record", data=sent | {"nonce": "3", "authority": "other"})
    assert (old.status_code, "changed in the meantime" in old.text) == (409, True)
    wrong = sent | {"nonce": "4", "purposes.5.explanation": "an interest"}
    refused = client.post(f"{path}/record", data=wrong)
    assert (refused.status_code, 'id="wrong-purposes.2.purpose"' in refused.text) == (422, True)


@pytest.mark.parametrize("name", ["persons", "data", "measures"])
def test_a_wrong_entry_of_a_list_of_the_record_is_named(house: House, tenant: Tenant, name: str):
    """By its place among the lines."""
    assert put(tenant).status_code == 200
    client, path = sign_in(house, tenant.name), base(tenant)
    lines = "\n".join(["callers", "agents", "guests", "x" * 1001])
    refused = client.post(f"{path}/record", data=fields(client.get(f"{path}/record/change")) | {name: lines})
    assert (refused.status_code, f'id="wrong-{name}">Entry 4: ' in refused.text) == (422, True)


@pytest.mark.parametrize("country", ["ß", "\u0131\u0131"])
def test_a_country_of_other_letters_is_refused_as_by_rest(house: House, tenant: Tenant, country: str):
    """In capitals they would be SS and II."""
    client, path = sign_in(house, tenant.name), base(tenant)
    new = fields(client.get(f"{path}/recipients/new")) | {
        "title": "A",
        "purpose": "stores",
        "country": country,
    }
    wrong = client.post(f"{path}/recipients", data=new)
    assert (wrong.status_code, 'id="wrong-country"' in wrong.text) == (422, True)
    new = fields(client.get(f"{path}/authorities/new")) | {"authority": "A", "country": country}
    wrong = client.post(f"{path}/authorities", data=new)
    assert (wrong.status_code, 'id="wrong-country"' in wrong.text) == (422, True)


def test_a_recipient_is_entered_changed_and_ended(house: House, tenant: Tenant):
    """Only what the form changes is changed; the end needs the name, and the entry stays."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/recipients"
    sent = fields(client.get(f"{path}/new")) | {
        "title": MARKUP,
        "purpose": "stores recordings",
        "country": "us",
    }
    odd = {"covers": "database", "other_covers": "a cellar"}
    wrong = client.post(path, data=sent | odd)
    assert (wrong.status_code, MARKUP in wrong.text) == (422, False)
    assert 'id="wrong-other_covers"' in wrong.text
    assert "a cellar</textarea>" in wrong.text
    assert 'value="database" checked' in wrong.text
    sent |= {
        "nonce": "2",
        "covers": ["database", "object_store"],
        "other_covers": "connection/gone\r\n",
        "address": "2 Main Street\r\nBoston",
        "since": "2026-01-01",
    }
    places = {client.post(path, data=sent).headers["location"].partition("?")[0] for _ in range(2)}
    assert len(places) == 1
    page = places.pop()
    known = tenant.http.get(tenant.url(f"/recipients/{page.rpartition('/')[2]}")).json()
    assert (known["country"], known["covers"], known["address"]) == (
        "US",
        ["database", "object_store", "connection/gone"],
        "2 Main Street\nBoston",
    )
    shown = client.get(page).text
    assert 'value="object_store" checked' in shown
    assert "connection/gone</textarea>" in shown
    assert "without a safeguard" in client.get(base(tenant)).text
    covers = {"covers": ["database", "object_store"], "other_covers": "connection/gone"}
    changed = client.post(page, data=fields(client.get(page)) | covers | {"safeguard": "standard_clauses"})
    assert changed.status_code == 303
    after = tenant.http.get(tenant.url(f"/recipients/{known['id']}")).json()
    same = {name: after[name] for name in known if name not in {"safeguard", "revision", "changed_at"}}
    assert same.items() <= known.items()
    assert (after["safeguard"], after["revision"]) == ("standard_clauses", 2)
    end = form_of(client.get(page), f"{page}/end") | {"until": "2026-06-30"}
    assert client.post(f"{page}/end", data=end | {"name": "x"}).status_code == 422
    assert client.post(f"{page}/end", data=end | {"nonce": "e", "name": tenant.name}).status_code == 303
    listed = client.get(path).text
    assert 'ended</span> <time datetime="2026-06-30">' in listed
    assert MARKUP not in listed
    assert "Save</button>" not in client.get(page).text


def test_a_listener_is_found_among_the_disclosures(house: House, tenant: Tenant):
    """By name, which stands in no address; a day that is none is refused beside its field."""
    recording = tenant.uploaded(AUDIO)
    link = tenant.link(recording, listener="Kim Doe")
    assert open_link(house.client(), link["url"]).status_code == 303
    client, path = sign_in(house, tenant.name, "audit:read"), f"{base(tenant)}/disclosures"
    assert "Kim Doe" in client.get(path).text
    found = client.post(path, data={"recipient": "kim doe", "recording": recording})
    assert found.status_code == 303
    where = found.headers["location"]
    assert (recording in where, "kim" in where) == (True, False)
    assert '<td data-label="Listener">Kim Doe</td>' in client.get(where).text
    none = client.get(client.post(path, data={"recipient": "Lee"}).headers["location"])
    assert "There is no such disclosure." in none.text
    assert 'value="Lee"' in none.text
    wrong = client.post(path, data={"from": "yesterday"})
    assert 'id="wrong-from"' in wrong.text


def test_disclosures_lead_on_and_back(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """With the filter of a listener, whose name stands in no address; each page is there as CSV."""
    monkeypatch.setattr(disclosures, "_PAGE", 1)
    recording = tenant.uploaded(AUDIO)
    for name in ("Kim Doe", "Lee", "Kim Doe"):
        assert open_link(house.client(), tenant.link(recording, listener=name)["url"]).status_code == 303
    client, path = sign_in(house, tenant.name, "audit:read"), f"{base(tenant)}/disclosures"
    first = client.get(client.post(path, data={"recipient": "Kim Doe"}).headers["location"])
    second = client.get(links_of(first)["More"])
    for page in (first, second):
        assert [row[3] for row in rows_of(client, page)] == ["Listener", "Kim Doe"]
        assert "Kim" not in str(page.url)
    times = [rows_of(client, page)[1][0] for page in (first, second)]
    assert times == sorted(times)
    assert second.text.count("<tbody>") == 1
    assert client.get(links_of(second)["Previous page"]).text.count("Kim Doe") == first.text.count("Kim Doe")
    assert client.get(links_of(second)["Previous page"]).url == first.url


def test_what_was_played_stands_beside_what_was_sent(house: House, tenant: Tenant):
    """Seconds that two sessions reported, each counted once in its own; a session that reported nothing has none."""
    recording = tenant.uploaded(tone(90.0))
    reports = {"Kim": [[[0, 10]], [[5, 12], [60, 75]]], "Lee": [[[0, 3]]], "Max": []}
    for name, spans in reports.items():
        browser = house.client()
        session = open_link(browser, tenant.link(recording, listener=name)["url"]).headers["location"]
        for one in spans:
            assert browser.post(f"{session}/heard", json={"spans": one}).status_code == 204
    told = tenant.http.get(tenant.url("/disclosures")).json()["items"]
    assert {one["recipient"]: one["heard_seconds"] for one in told} == {"Kim": 27, "Lee": 3, "Max": None}
    page = sign_in(house, tenant.name, "audit:read").get(f"{base(tenant)}/disclosures").text
    played = re.findall(r'data-label="Player reports"[^>]*>([^<]+)<', page)
    assert played == ["0:27", "0:03", "\N{EN DASH}"]


def test_an_authority_is_answered_and_counted(house: House, tenant: Tenant):
    """Seconds that the form does not show stay as they are; a preservation request places a hold."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/authorities"
    new = fields(client.get(f"{path}/new")) | {
        "authority": MARKUP,
        "country": "fr",
        "numbers": "+33123456789",
    }
    wrong = client.post(path, data=new | {"affected": "many"})
    assert (wrong.status_code, 'id="wrong-affected"' in wrong.text) == (422, True)
    kept = client.post(path, data=new | {"nonce": "2", "kind": "preservation"}).headers["location"]
    held = client.get(kept.partition("?")[0]).text
    assert "To the hold that it placed" in held
    assert len(tenant.http.get(tenant.url("/holds")).json()["items"]) == 1
    place = client.post(path, data=new | {"nonce": "3", "received_at": "2026-03-01T09:00"}).headers[
        "location"
    ]
    page, entry = place.partition("?")[0], place.partition("?")[0].rpartition("/")[2]
    due = {"due_at": "2026-03-15T00:00:30Z"}
    assert tenant.http.patch(tenant.url(f"/authority-requests/{entry}"), json=due).status_code == 200
    sent = fields(client.get(page))
    early = client.post(page, data=sent | {"decision": "refused"})
    assert (early.status_code, 'id="wrong-reviewer"' in early.text) == (422, True)
    answer = {"nonce": "4", "decision": "refused", "reviewer": "Ada Byron", "decided_at": "2026-03-02T10:00"}
    assert client.post(page, data=sent | answer).status_code == 303
    after = tenant.http.get(tenant.url(f"/authority-requests/{entry}")).json()
    assert (after["decision"], after["due_at"], after["numbers"]) == (
        "refused",
        "2026-03-15T00:00:30.000Z",
        ["+33123456789"],
    )
    assert tenant.types().count("authority.answered") == 1
    assert "request refused" in client.get(path).text
    report = client.get(f"{path}/report?year=2026")
    assert report.json() == tenant.http.get(tenant.url("/transparency-report?year=2026")).json()
    assert client.get(f"{path}/report?year=x").status_code == 422


@pytest.mark.parametrize("page", ["", "/recipients/new", "/authorities/new", "/record/change"])
def test_a_page_prints_where_it_is_from(house: House, tenant: Tenant, page: str):
    """The account, the time and the address stand at its end."""
    shown = sign_in(house, tenant.name, "audit:read").get(f"{base(tenant)}{page}").text
    assert f"Account {tenant.name}, as of" in shown
    assert "Save</button>" not in shown
