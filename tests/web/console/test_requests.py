"""Answer a request of a person in the console, without scripts."""

import re
import time

import numpy as np
import pytest

from tests.support import corpus
from tests.support.console import form_of, sign_in
from tests.support.tenant import PATIENCE, Tenant
from tests.support.web_house import AUDIO, House
from vault.database.stores.requests import person_search
from vault.services.requests import find_person

NUMBER = "+33612345678"
MARKUP = "<script>alert(1)</script>"
ENTRY = {
    "kind": "erasure",
    "regime": "gdpr",
    "received_at": "2026-02-02T10:00",
    "reference": f"ticket {MARKUP}",
    "numbers": "06 12 34 56 78\n",
    "region": "fr",
}


def base(tenant: Tenant) -> str:
    """Return the path of the account's requests."""
    return f"/console/accounts/{tenant.name}/requests"


def tell(tenant: Tenant) -> None:
    """Say that NUMBER called."""
    call = {
        "direction": "inbound",
        "from": NUMBER,
        "to": "+33123456789",
        "started_at": "2026-01-31T09:28:00Z",
    }
    assert tenant.http.put(tenant.url("/calls/call-1"), json=call).status_code < 300


def called(tenant: Tenant) -> str:
    """Upload a recording of a call from NUMBER, and return its id."""
    tell(tenant)
    return tenant.uploaded(AUDIO)


def entered(client, tenant: Tenant, **more: str) -> str:
    """Enter a request twice, as a double click does, and return its page."""
    form = form_of(client.get(f"{base(tenant)}/new"), base(tenant)) | ENTRY | more
    places = {client.post(base(tenant), data=form).headers["location"] for _ in range(2)}
    assert len(places) == 1
    return places.pop().partition("?")[0]


def wait_for(client, page: str, words: str) -> str:
    """Load the page until it has these words, and return it."""
    deadline = time.monotonic() + PATIENCE
    while words not in (text := client.get(page).text):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return text


def test_an_erasure_from_the_letter_to_the_receipt(house: House, tenant: Tenant):
    """Entered, verified, checked in numbers, decided with the name typed, carried out, and a receipt."""
    recording, client = called(tenant), sign_in(house, tenant.name)
    page = entered(client, tenant)
    board = client.get(base(tenant)).text
    assert "To identify" in board
    assert MARKUP not in board + client.get(page).text
    assert "<b>1</b>recording</li>" in client.get(page).text
    early = client.post(
        f"{page}/decision",
        data={"nonce": "e", "decision": '{"code": "erased"}', "name": tenant.name},
    )
    assert (early.status_code, "how the person was verified" in early.text) == (409, True)
    at = {"nonce": "v", "method": "callback", "at": "2026-02-02T11:00"}
    assert client.post(f"{page}/verification", data=at).status_code == 303
    assert "To decide" in client.get(base(tenant)).text
    shown = client.post(f"{page}/decision/check", data={"code": "erased"})
    assert "erased, with their keys: recordings <b>1</b>, calls <b>0</b>" in shown.text
    form = form_of(shown, f"{page}/decision")
    wrong = client.post(f"{page}/decision", data=form | {"name": "other"})
    assert (wrong.status_code, tenant.get(recording)["state"]) == (422, "available")
    for _ in range(2):
        answer = client.post(f"{page}/decision", data=form | {"name": tenant.name})
        assert answer.headers["location"].endswith("request_decided")
    wait_for(client, page, "Download the receipt")
    receipt = client.get(f"{page}/receipt")
    assert receipt.headers["content-disposition"].startswith("attachment")
    assert recording in receipt.text
    assert tenant.get(recording)["state"] == "erased"
    assert tenant.types().count("request.decided") == 1


def tell_three(tenant: Tenant) -> None:
    """Say that NUMBER called on 10, 11 and 12 January."""
    for number in range(3):
        call = {"direction": "inbound", "from": NUMBER, "to": "+33123456789"}
        call |= {"started_at": f"2026-01-1{number}T09:28:00Z"}
        assert tenant.http.put(tenant.url(f"/calls/call-{number}"), json=call).status_code < 300


def test_a_decision_is_checked_in_its_period(house: House, tenant: Tenant):
    """What it does is counted as it will be done, not by all that is found."""
    tell_three(tenant)
    client = sign_in(house, tenant.name)
    page = entered(client, tenant)
    at = {"nonce": "v", "method": "login", "at": "2026-02-02T11:00"}
    assert client.post(f"{page}/verification", data=at).status_code == 303
    for sent, calls in (({}, 3), ({"from": "2026-01-11T00:00"}, 2)):
        shown = client.post(f"{page}/decision/check", data={"code": "erased"} | sent)
        assert f"recordings <b>0</b>, calls <b>{calls}</b>" in shown.text


def test_where_too_much_is_found_a_part_of_the_time_is_decided_on(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
):
    """The page says so, and its form is there; REST says so too."""
    for module in (find_person, person_search):
        monkeypatch.setattr(module, "MAX_FOUND", 2)
    tell_three(tenant)
    client = sign_in(house, tenant.name)
    page = entered(client, tenant)
    text = client.get(page).text
    assert "Too much is found for one decision" in text
    assert "The request cannot be opened again" in text
    at = {"nonce": "v", "method": "login", "at": "2026-02-02T11:00"}
    assert client.post(f"{page}/verification", data=at).status_code == 303
    url = tenant.url(f"/requests/{page.rpartition('/')[2]}")
    assert tenant.http.get(url).json()["too_many_found"] is True
    refused = tenant.http.post(f"{url}/decision", json={"code": "erased"})
    assert (refused.status_code, refused.json()["reasons"]) == (409, ["too_many_found"])
    whole = client.post(f"{page}/decision/check", data={"code": "erased"})
    assert (whole.status_code, 'id="wrong-decision-from"' in whole.text) == (422, True)
    part = client.post(f"{page}/decision/check", data={"code": "erased", "from": "2026-01-11T00:00"})
    form = form_of(part, f"{page}/decision") | {"name": tenant.name}
    assert client.post(f"{page}/decision", data=form).headers["location"].endswith("request_decided")
    wait_for(client, page, "Download the receipt")


def test_the_clock_is_paused_extended_and_the_request_withdrawn(house: House, tenant: Tenant):
    """Each with what is wrong beside its field; a withdrawal needs the name."""
    client = sign_in(house, tenant.name)
    page = entered(client, tenant)
    assert client.post(f"{page}/pause", data={"nonce": "1", "reason": "fee"}).status_code == 303
    assert "They have answered" in client.get(page).text
    assert client.post(f"{page}/resume", data={"nonce": "2"}).status_code == 303
    late = {"nonce": "3", "until": "2026-04-01T10:00", "told_at": "2999-01-01T10:00", "reason": "many calls"}
    wrong = client.post(f"{page}/extension", data=late)
    assert wrong.status_code == 422
    assert 'id="wrong-extension-told_at"' in wrong.text
    assert 'value="many calls"' in wrong.text
    far = {"told_at": "2026-02-10T10:00", "until": "2027-04-01T10:00"}
    wrong = client.post(f"{page}/extension", data=late | far)
    assert wrong.status_code == 422
    assert re.search(
        r"The new deadline must be after 2026-[0-9-]+ [0-9:]+ UTC and not after 2026-[0-9-]+ [0-9:]+ UTC\.",
        wrong.text,
    )
    right = client.post(f"{page}/extension", data=late | {"nonce": "4", "told_at": "2026-02-10T10:00"})
    assert right.status_code == 303
    assert client.post(f"{page}/withdrawal", data={"nonce": "5", "name": "x"}).status_code == 422
    assert client.post(f"{page}/withdrawal", data={"nonce": "6", "name": tenant.name}).status_code == 303
    assert "withdrawn" in client.get(page).text
    assert client.post(f"{page}/decision/check", data={"code": "erased"}).status_code == 422


def test_what_is_kept_needs_a_reason_and_a_statute(house: House, tenant: Tenant):
    """A verdict on one recording, and the page keeps what was typed."""
    recording, client = called(tenant), sign_in(house, tenant.name)
    page = entered(client, tenant)
    client.post(f"{page}/verification", data={"nonce": "v", "method": "login", "at": "2026-02-02T11:00"})
    law = {
        "code": "erased",
        f"verdict.{recording}": "kept_legal_obligation",
        "statute": "MiFID II art. 16(7)",
    }
    wrong = client.post(f"{page}/decision/check", data=law)
    assert (wrong.status_code, "” is required" in wrong.text) == (422, True)
    shown = client.post(f"{page}/decision/check", data=law | {"reason": "the law of our licence"})
    assert "restricted: recordings" in shown.text
    bad = client.post(f"{page}/decision/check", data=law | {"code": "", "reason": "we must"})
    assert bad.status_code == 422
    assert "we must</textarea>" in bad.text


@pytest.mark.parametrize("echo", [0, 20])
def test_an_echo_in_the_persons_channel_is_said_before_the_package_is_handed_over(
    house: House, tenant: Tenant, echo: int
):
    """The agent's channel is heard a tenth of a second later, 26 dB quieter; a caller without echo has no warning."""
    random = np.random.default_rng(5)
    samples = np.stack([random.normal(0, 20, 24_000), random.normal(0, 5000, 24_000)], axis=1)
    if echo:
        samples[800:, 0] += samples[:-800, 1] / echo
    tell(tenant)
    path = tenant.url("/calls/call-1/recordings/rec-1?voices=caller&voices=callee")
    recording = tenant.http.put(path, content=corpus.wav(samples)).json()["id"]
    tenant.wait(recording)
    client = sign_in(house, tenant.name)
    page = entered(client, tenant, kind="access")
    at = {"nonce": "v", "method": "callback", "at": "2026-02-02T11:00"}
    assert client.post(f"{page}/verification", data=at).status_code == 303
    form = form_of(client.post(f"{page}/decision/check", data={"code": "provided"}), f"{page}/decision")
    assert client.post(f"{page}/decision", data=form | {"name": tenant.name}).status_code == 303
    text = wait_for(client, page, "Download the package")
    assert ("The other party is heard faintly" in text) == bool(echo)
    assert (f'/recordings/{recording}">' in text) == bool(echo)


def test_a_wrong_number_is_named_and_what_was_typed_is_kept(house: House, tenant: Tenant):
    """Beside the field of the numbers."""
    client = sign_in(house, tenant.name)
    form = form_of(client.get(f"{base(tenant)}/new"), base(tenant)) | ENTRY | {"numbers": "abc", "region": ""}
    wrong = client.post(base(tenant), data=form)
    assert wrong.status_code == 422
    assert 'id="wrong-numbers">Entry 1: ' in wrong.text
    assert "abc</textarea>" in wrong.text


@pytest.mark.parametrize(
    ("persons", "said"),
    [
        ({"numbers": "", "agents": ""}, ("numbers", "")),
        ({"numbers": f"{NUMBER}\nabc", "agents": ""}, ("numbers", "Entry 2: ")),
        ({"numbers": NUMBER, "agents": "x" * 2001}, ("agents", "Entry 1: ")),
    ],
)
def test_who_is_missing_or_wrong_is_said_at_its_field(
    house: House, tenant: Tenant, persons: dict[str, str], said: tuple[str, str]
):
    """REST has one list of both; nobody at all is said at the numbers, as no entry of them."""
    client = sign_in(house, tenant.name)
    form = form_of(client.get(f"{base(tenant)}/new"), base(tenant)) | ENTRY
    wrong = client.post(base(tenant), data=form | persons | {"region": ""})
    assert wrong.status_code == 422
    assert re.findall(r'class="wrong"[^>]* id="wrong-(\w+)">(Entry \d+: )?', wrong.text) == [said]


def test_another_accounts_requests_do_not_exist(house: House, tenant: Tenant):
    """Neither page, nor receipt, nor form."""
    other = Tenant.open(house.admin)
    theirs = entered(sign_in(house, other.name), other).rpartition("/")[2]
    client = sign_in(house, tenant.name)
    page = f"{base(tenant)}/{theirs}"
    assert [client.get(page + more).status_code for more in ("", "/receipt")] == [404, 404]
    forms = {
        "/verification": {"method": "login", "at": "2026-02-02T11:00"},
        "/pause": {"reason": "fee"},
        "/resume": {},
        "/extension": {"until": "2026-04-01T10:00", "told_at": "2026-02-10T10:00", "reason": "a"},
        "/withdrawal": {"name": tenant.name},
        "/decision/check": {"code": "erased"},
        "/decision": {"decision": '{"code": "erased"}', "name": tenant.name},
        "/package": {},
    }
    for more, form in forms.items():
        assert client.post(page + more, data=form | {"nonce": more}).status_code == 404, more


def test_a_region_of_other_letters_is_refused_as_by_rest(house: House, tenant: Tenant):
    """In capitals it would be SS."""
    client = sign_in(house, tenant.name)
    form = form_of(client.get(f"{base(tenant)}/new"), base(tenant)) | ENTRY | {"region": "ß"}
    assert client.post(base(tenant), data=form).status_code == 422


def test_the_callback_is_set_with_a_secret_that_is_shown_once(house: House, tenant: Tenant):
    """A double click makes one secret; a wrong address stays in its field; the deletion needs the name."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/request-callback"
    assert "No callback is set" in client.get(path).text
    form = form_of(client.get(path), path)
    wrong = client.post(path, data=form | {"url": "http://crm.example/x"})
    assert (wrong.status_code, 'id="wrong-url"' in wrong.text) == (422, True)
    assert 'value="http://crm.example/x"' in wrong.text
    sent = form_of(client.get(path), path) | {"url": "https://crm.example/requests"}
    secrets = {tuple(re.findall(r"whsec_[\w+/=]+", client.post(path, data=sent).text)) for _ in range(2)}
    assert [len(found) for found in secrets] == [1]
    page = client.get(path).text
    assert "https://crm.example/requests" in page
    assert "whsec_" not in page
    assert tenant.types().count("callback.changed") == 1
    entered(client, tenant)
    assert "<dt>Still to be delivered</dt><dd>1</dd>" in client.get(path).text
    assert "whsec_" in sign_in(house, tenant.name, "privacy:write").post(path, data=sent).text
    gone = f"{path}/deletion"
    assert client.post(gone, data=form_of(client.get(path), gone) | {"name": "x"}).status_code == 422
    done = client.post(gone, data=form_of(client.get(path), gone) | {"name": tenant.name})
    assert done.headers["location"].endswith("callback_deleted")
    assert tenant.http.get(tenant.url("/request-callback")).status_code == 404
