"""People listening: by listener, revoked together, exported."""

import csv
import io
from datetime import date, timedelta
from urllib.parse import unquote_plus

from tests.support.console import furnished, sign_in
from tests.support.tenant import open_link
from tests.support.web_house import House
from vault.web.console.playback.people import harmless


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
