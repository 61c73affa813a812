"""What a decision on a request would do is said at its fields, before it is chosen."""

import re

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.test_requests import called, entered, wait_for


def test_what_each_answer_would_give_is_said_before_it_is_chosen(house: House, tenant: Tenant):
    """A recording with several voices on one channel: what is done with it is asked at a field, without its id."""
    recording, client = called(tenant), sign_in(house, tenant.name)
    page = entered(client, tenant, kind="access")
    client.post(f"{page}/verification", data={"nonce": "v", "method": "login", "at": "2026-02-02T11:00"})
    text = client.get(page).text
    assert "own channel (0 of 1 recording)</option>" in text
    assert "provide the whole recording (1 of 1 recording)</option>" in text
    assert "available, their own channel cannot be cut out</td>" in text
    wrong = client.post(f"{page}/decision/check", data={"code": "provided"})
    said = re.search(r'id="wrong-decision-uncut">([^<]+)', wrong.text)
    assert (wrong.status_code, said is not None and recording not in said[1]) == (409, True)
    assert '<a href="#field-decision-uncut">' in wrong.text
    mixed = {"code": "provided", "uncut": "provided_whole"}
    bad = client.post(f"{page}/decision/check", data=mixed | {"uncut": "erased-and-more"})
    assert (bad.status_code, 'id="wrong-decision-uncut"' in bad.text) == (422, True)
    form = form_of(client.post(f"{page}/decision/check", data=mixed), f"{page}/decision")
    assert client.post(f"{page}/decision", data=form | {"name": tenant.name}).status_code == 303
    wait_for(client, page, "Download the package")
    assert tenant.http.get(tenant.url(f"/requests/{page.rpartition('/')[2]}")).json()["state"] == "fulfilled"


def test_an_erasure_says_how_many_a_hold_keeps(house: House, tenant: Tenant):
    """The count beside the option is of those that are erased now."""
    recording, client = called(tenant), sign_in(house, tenant.name)
    hold = {"name": "lawsuit", "reason": "r", "covers": {"recordings": [recording]}}
    assert tenant.http.post(tenant.url("/holds"), json=hold).status_code < 300
    page = entered(client, tenant)
    assert "erase (0 of 1 recording)</option>" in client.get(page).text


def test_a_request_that_is_partly_fulfilled_names_what_was_kept(house: House, tenant: Tenant):
    """By the time of the call and its number, with the reason; what was granted is not there."""
    recording, client = called(tenant), sign_in(house, tenant.name)
    page = entered(client, tenant)
    client.post(f"{page}/verification", data={"nonce": "v", "method": "login", "at": "2026-02-02T11:00"})
    law = {
        "code": "erased",
        f"verdict.{recording}": "kept_legal_obligation",
        "statute": "MiFID II art. 16(7)",
    }
    checked = client.post(f"{page}/decision/check", data=law | {"reason": "the law of our licence"})
    form = form_of(checked, f"{page}/decision") | {"name": tenant.name}
    assert client.post(f"{page}/decision", data=form).status_code == 303
    text = wait_for(client, page, "Download the receipt")
    found = re.search(r'id="kept-caption".*?</table>', text, re.DOTALL)
    assert found is not None
    rows = re.findall(r"<tr>.*?</tr>", found[0].partition("<tbody>")[2], re.DOTALL)
    assert len(rows) == 1
    assert "keep: a law requires it (MiFID II art. 16(7))" in rows[0]
    assert re.search(r"Call of <time[^>]*>[^<]*</time> with \+33612345678", rows[0]) is not None


def test_an_objection_by_a_request_shows_its_reference(house: House, tenant: Tenant):
    """A link to the request by what the account calls it, and no id."""
    called(tenant)
    client = sign_in(house, tenant.name)
    page = entered(client, tenant, kind="objection", reference="letter 17")
    client.post(f"{page}/verification", data={"nonce": "v", "method": "login", "at": "2026-02-02T11:00"})
    form = form_of(client.post(f"{page}/decision/check", data={"code": "restricted"}), f"{page}/decision")
    assert client.post(f"{page}/decision", data=form | {"name": tenant.name}).status_code == 303
    wait_for(client, page, "Download the receipt")
    listed = client.get(f"/console/accounts/{tenant.name}/consent/objections").text
    cell = re.search(r"<td[^>]*>request (.*?)</td>", listed)
    assert cell is not None
    assert f'href="{page}"' in cell[1]
    assert re.sub(r"<[^>]*>", "", cell[1]) == "letter 17"
