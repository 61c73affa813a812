"""What a decision on a request would do is said at its fields, before it is chosen."""

import re

import httpx

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.test_requests import ENTRY, NUMBER, base, called, entered, tell, wait_for


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


VERIFIED = {"nonce": "v", "method": "login", "at": "2026-02-02T11:00"}


def held_request(house: House, tenant: Tenant) -> tuple[httpx.Client, str]:
    """Enter the request of a person whose only recording a hold covers."""
    recording, client = called(tenant), sign_in(house, tenant.name)
    hold = {"name": "Durand v Acme", "reason": "a claim of May", "covers": {"recordings": [recording]}}
    assert tenant.http.post(tenant.url("/holds"), json=hold).status_code == 201
    other = hold | {"name": "Of others", "covers": {"numbers": ["+33199999999"]}}
    assert tenant.http.post(tenant.url("/holds"), json=other).status_code == 201
    page = entered(client, tenant)
    assert client.post(f"{page}/verification", data=VERIFIED).status_code == 303
    return client, page


def test_the_check_says_what_waits_for_a_hold_and_who_approves(house: House, tenant: Tenant):
    """With the hold and its reason; nothing is carried out within seconds, and a second person comes first."""
    client, page = held_request(house, tenant)
    alone = client.post(f"{page}/decision/check", data={"code": "erased"}).text
    assert "1 recording is not erased by this decision: a hold covers it." in alone
    assert re.search(r'/holds/hold_\w+">Durand v Acme</a>: a claim of May</li>', alone)
    assert "Of others" not in alone
    assert "within seconds" not in alone
    assert "An erasure cannot be undone" not in alone
    assert "First another person approves" not in alone
    rule = {"enabled": True, "verbs": ["request_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    two = client.post(f"{page}/decision/check", data={"code": "erased"})
    assert "First another person approves the decision." in two.text
    assert 'who-approves"' in two.text
    form = form_of(two, f"{page}/decision") | {"name": tenant.name}
    asked = client.post(f"{page}/decision", data=form).headers["location"]
    assert "/approvals/" in asked


def test_the_check_says_which_calls_without_a_recording_a_hold_keeps(house: House, tenant: Tenant):
    """With the hold that covers the call alone: nothing is erased within seconds, which cannot be undone."""
    tell(tenant)
    client = sign_in(house, tenant.name)
    hold = {"name": "Durand v Acme", "reason": "a claim of May", "covers": {"numbers": [NUMBER]}}
    assert tenant.http.post(tenant.url("/holds"), json=hold).status_code == 201
    page = entered(client, tenant)
    assert client.post(f"{page}/verification", data=VERIFIED).status_code == 303
    text = client.post(f"{page}/decision/check", data={"code": "erased"}).text
    assert "1 call without a recording is not erased by this decision: a hold covers it." in text
    assert re.search(r'/holds/hold_\w+">Durand v Acme</a>: a claim of May</li>', text)
    assert re.search(r"erased when the hold ends</th><td[^>]*>0</td><td[^>]*>1</td>", text)
    assert "erased, with their keys" not in text
    assert "cannot be undone" not in text


def test_what_waits_for_a_hold_is_not_said_to_be_denied(house: House, tenant: Tenant):
    """On its page, in the list, over REST and by its receipt, which the console verifies."""
    client, page = held_request(house, tenant)
    form = form_of(client.post(f"{page}/decision/check", data={"code": "erased"}), f"{page}/decision")
    assert client.post(f"{page}/decision", data=form | {"name": tenant.name}).status_code == 303
    text = wait_for(client, page, "Download the receipt")
    assert ">waits until the hold ends</span>" in text
    assert "erase: waits until the hold ends</td>" in text
    board = client.get(page.rpartition("/")[0]).text
    assert ">waits until the hold ends</td>" in board
    assert "denied" not in text + board
    request = tenant.http.get(tenant.url(f"/requests/{page.rpartition('/')[2]}")).json()
    assert request["state"] == "waits_for_hold"
    receipt = client.get(f"{page}/receipt").content
    path = f"/console/accounts/{tenant.name}/log/verify"
    right = client.post(path, files={"file": ("receipt.json", receipt)}).text
    assert "outcome: waits until the hold ends;" in right


def test_an_objection_says_what_stops_and_when(house: House, tenant: Tenant):
    """From the decision on, or from its approval, whose title says what it is; a refusal stops nothing."""
    called(tenant)
    client = sign_in(house, tenant.name)
    page = entered(client, tenant, kind="objection")
    client.post(f"{page}/verification", data=VERIFIED)
    stops = "keeps no recording of a call with this person"
    refused = client.post(f"{page}/decision/check", data={"code": "kept_grounds", "reason": "r"}).text
    assert stops not in refused
    alone = client.post(f"{page}/decision/check", data={"code": "erased"}).text
    assert stops in alone
    assert "recorded as before" not in alone
    rule = {"enabled": True, "verbs": ["request_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    two = client.post(f"{page}/decision/check", data={"code": "erased"})
    assert "Until then such calls are recorded as before" in two.text
    form = form_of(two, f"{page}/decision") | {"name": tenant.name}
    approval = client.post(f"{page}/decision", data=form).headers["location"].partition("?")[0]
    text, listed = client.get(approval).text, client.get(approval.rpartition("/")[0]).text
    assert "<h1>Objection of a person, with an erasure</h1>" in text
    assert stops in text
    assert ">Objection of a person, with an erasure</a>" in listed
    assert ">Erasure that a person asked for</a>" not in listed


def test_a_number_without_a_country_is_told_at_the_country(house: House, tenant: Tenant):
    """The page says so before, and in an account with a country it names that."""
    client = sign_in(house, tenant.name)
    page = client.get(f"{base(tenant)}/new")
    assert "this account has no country of its own" in page.text
    form = form_of(page, base(tenant)) | ENTRY
    wrong = client.post(base(tenant), data=form | {"region": ""})
    assert wrong.status_code == 422
    assert re.findall(r'class="wrong"[^>]* id="wrong-([\w.]+)">', wrong.text) == ["region"]
    assert "“Country of the numbers” is required" in wrong.text
    assert "06 12 34 56 78</textarea>" in wrong.text
    known = client.post(base(tenant), data=form | {"region": "", "numbers": NUMBER, "nonce": form["nonce"]})
    assert known.status_code == 303
    set_locale = {"name": "A", "locale": "fr-FR"}
    assert tenant.http.put(tenant.url(""), json=set_locale).status_code == 200
    assert "own: FR" in client.get(f"{base(tenant)}/new").text
