"""Hand-over in the console: activated after a preview, mended and ended by forms; a click decides on contacts."""

import re
from typing import Any, get_args

import httpx
import pytest

from tests.support.console import form_of, sign_in
from tests.support.example_systems import add_systems
from tests.support.tenant import Tenant, tone
from tests.support.web_house import House
from tests.web.console.doors import INTEGRATION
from vault.crm.registry import SYSTEMS
from vault.domain.crm.verdict import Residue
from vault.domain.handover.handover import Cause, HandoverState
from vault.domain.handover.integration import IntegrationState
from vault.web.console.handed_over import CAUSES, RESIDUES, STATES, TONES
from vault.web.console.handover.words import FIELDS, INTEGRATION_STATES

KEY = "pat-na1-secret-0000"
#: The calls of ``add_systems``; here they are all one, so that each system has it once.
_CALLS = ("call-20417", "call-20409", "call-20391", "call-20384", "call-20352", "call-20331", "call-20319")


@pytest.fixture
def browser(house: House, tenant: Tenant) -> httpx.Client:
    """Somebody with every right."""
    return sign_in(house, tenant.name)


def base(tenant: Tenant) -> str:
    """Return the path of the account's pages."""
    return f"/console/accounts/{tenant.name}"


def a_call(tenant: Tenant) -> str:
    """Let a call be playable; return its recording."""
    facts = {"direction": "inbound", "from": "+33612345678", "to": "+33123456789", "agent": "Beatrice"}
    facts["started_at"] = "2026-01-10T09:30:00Z"
    said = tenant.http.put(tenant.url("/calls/c1"), json=facts)
    assert said.is_success, said.text
    recording: str = tenant.put(tone(0.3), call="c1", ref="r1").json()["id"]
    tenant.wait(recording)
    return recording


def _id(tenant: Tenant, system: str) -> str:
    """Return the id of the integration of a system."""
    items = tenant.http.get(tenant.url("/integrations")).json()["items"]
    return next(str(one["id"]) for one in items if one["system"] == system)


def _body(form: dict[str, str]) -> dict[str, Any]:
    """Return what REST takes for a form."""
    names = {"secret": "key"}
    return {
        names.get(name, name): value
        for name, value in form.items()
        if not name.startswith(("policy.", "client_"))
    }


def handover(tenant: Tenant, **wanted: Any) -> dict[str, Any]:
    """Return the one hand-over."""
    (found,) = tenant.http.get(tenant.url("/handovers"), params=wanted).json()["items"]
    return dict(found)


def test_a_system_is_previewed_before_it_is_activated(house: House, tenant: Tenant, browser: httpx.Client):
    """The preview shows the calls and keeps what was typed; it activates nothing; then the form activates once."""
    recording, at = a_call(tenant), f"{base(tenant)}/integrations"
    assert "/integrations/new" in browser.get(at).text
    assert f"{at}/new?system=hubspot" in browser.get(f"{at}/new").text
    page = browser.get(f"{at}/new?system=hubspot")
    assert f'action="{at}"' not in page.text
    said = form_of(page, f"{at}/preview") | INTEGRATION | {"secret": KEY, "description": "Sales"}
    wrong = browser.post(
        f"{at}/preview", data=said | {"secret": "short", "country": "F", "id_property": "A!"}
    )
    assert wrong.status_code == 422
    assert re.findall(r'id="wrong-(secret|country|id_property)"', wrong.text) == ["secret", "id_property"]
    shown = browser.post(f"{at}/preview", data=said)
    assert shown.status_code == 200
    assert re.search(r"\+33612345678.*is written", shown.text, re.DOTALL)
    assert f"/recordings/{recording}" in shown.text
    assert f'value="{KEY}"' in shown.text
    assert tenant.http.get(tenant.url("/integrations")).json()["items"] == []
    assert [one["type"] for one in tenant.events(recording)].count("details.read") == 1
    sent = form_of(shown, at) | said
    made = [browser.post(at, data=sent).headers["location"] for _ in range(2)]
    assert len(set(made)) == 1
    (one,) = tenant.http.get(tenant.url("/integrations")).json()["items"]
    assert (one["system"], one["state"], one["description"]) == ("hubspot", "active", "Sales")
    activated = browser.get(made[0])
    assert "The system is activated" in activated.text
    assert KEY not in activated.text


def test_a_channel_gets_masked_numbers_in_the_preview_too(tenant: Tenant, browser: httpx.Client):
    """As they would be sent."""
    a_call(tenant)
    at = f"{base(tenant)}/integrations"
    said = {
        **INTEGRATION,
        "system": "slack",
        "secret": "xoxb-0000000000",
        "channel": "C0123456789",
        "nonce": "1",
    }
    shown = browser.post(f"{at}/preview", data=said)
    assert "…5678" in shown.text
    assert "+33612345678" not in shown.text


def test_a_click_decides_and_a_changed_one_is_refused(house: House, tenant: Tenant, browser: httpx.Client):
    """The bell leads there; the candidates are shown with their names; REST knows the decision."""
    recording, at = a_call(tenant), base(tenant)
    add_systems(house, tenant, dict.fromkeys(_CALLS, recording))
    held = f"{at}/handovers?state=held"
    assert "1 call for another system waits for a decision" in browser.get(at).text
    page = browser.get(held)
    assert "Amara Okafor" in page.text
    assert "several contacts have the number" in page.text
    one = handover(tenant, state="held")["id"]
    action = f"{at}/handovers/{one}/decision"
    assert page.text.count(f'action="{action}"') == 4
    wrong = browser.post(action, data=form_of(page, action) | {"contact": "another"})
    assert wrong.status_code == 422
    done = browser.post(action, data=form_of(page, action), follow_redirects=True)
    assert "It is decided" in done.text
    assert "Amara Okafor" not in done.text
    assert handover(tenant, integration=_id(tenant, "hubspot"))["state"] in {"waiting", "unknown", "held"}
    assert "handover.decided" in tenant.types()
    assert "waits for a decision" not in browser.get(at).text
    again = browser.post(action, data={"nonce": "9", "contact": "90312244"})
    assert again.status_code in {409, 422}


def test_nobody_gets_a_call(house: House, tenant: Tenant, browser: httpx.Client):
    """The button below the candidates writes to none of them."""
    add_systems(house, tenant, dict.fromkeys(_CALLS, a_call(tenant)))
    one = handover(tenant, state="held")["id"]
    answer = browser.post(f"{base(tenant)}/handovers/{one}/decision", data={"nonce": "1"})
    assert answer.status_code == 303
    found = handover(tenant, integration=_id(tenant, "hubspot"))
    assert (found["state"], found["cause"]) == ("unmatched", "no_contact")


def test_a_refused_key_is_seen_and_mended(house: House, tenant: Tenant, browser: httpx.Client):
    """On the bell, the list and its page, with what cannot be removed; a new key ends it, and is not shown."""
    add_systems(house, tenant, dict.fromkeys(_CALLS, a_call(tenant)))
    at, one = base(tenant), _id(tenant, "pipedrive")
    assert "1 system needs authorization" in browser.get(at).text
    assert "needs authorization" in browser.get(f"{at}/integrations").text
    page = browser.get(f"{at}/integrations/{one}")
    assert "Pipedrive needs authorization" in page.text
    assert "1 record cannot be removed until then." in page.text
    action = f"{at}/integrations/{one}/key"
    empty = browser.post(action, data=form_of(page, action))
    assert (empty.status_code, 'id="wrong-secret"' in empty.text) == (422, True)
    done = browser.post(
        action, data=form_of(page, action) | {"secret": "fedcba9876543210"}, follow_redirects=True
    )
    assert "removals first" in done.text
    assert "needs authorization" not in done.text
    assert "fedcba98" not in done.text
    assert tenant.http.get(tenant.url(f"/integrations/{one}")).json()["unauthorized_since"] is None
    assert "needs authorization" not in browser.get(at).text


def test_an_integration_is_changed_paused_filled_and_ended(
    house: House, tenant: Tenant, browser: httpx.Client
):
    """Each by its form; calls from before are counted first; the end says what it means, and wants the name."""
    a_call(tenant)
    made = tenant.http.post(tenant.url("/integrations"), json=_body(INTEGRATION)).json()["id"]
    at = f"{base(tenant)}/integrations/{made}"
    change = {"policy.matching": "newest", "policy.on_restriction": "remove", "id_property": "callvault_id"}
    page = browser.get(at)
    assert browser.post(at, data=form_of(page, at) | change | {"description": "d"}).status_code == 303
    now = tenant.http.get(tenant.url(f"/integrations/{made}")).json()
    assert (now["policy"]["matching"], now["settings"], now["description"]) == (
        "newest", {"id_property": "callvault_id"}, "d",
    )  # fmt: skip
    assert browser.post(f"{at}/pause", data={"nonce": "p"}).status_code == 303
    assert "paused" in browser.get(at).text
    assert browser.post(f"{at}/resume", data={"nonce": "r"}).status_code == 303
    period = {"nonce": "c", "from": "2020-01-01T00:00", "until": "2100-01-01T00:00"}
    assert (
        browser.post(f"{at}/back-fill/count", data=period | {"until": "2019-01-01T00:00"}).status_code == 422
    )
    counted = browser.post(f"{at}/back-fill/count", data=period)
    assert "1 recording of this time was not handed over" in counted.text
    assert tenant.http.get(tenant.url("/handovers")).json()["items"] == []
    fill = form_of(counted, f"{at}/back-fill")
    changed = browser.post(f"{at}/back-fill", data=fill | {"expected": "7", "nonce": "x"})
    assert changed.status_code == 409
    assert browser.post(f"{at}/back-fill", data=fill).status_code == 303
    assert len(tenant.http.get(tenant.url("/handovers")).json()["items"]) == 1
    again = browser.post(f"{at}/back-fill/count", data=period | {"nonce": "d"})
    assert "0 recordings of this time were not handed over" in again.text
    end = {"nonce": "e", "remove": "on"}
    assert browser.post(f"{at}/end", data=end | {"name": "other"}).status_code == 422
    assert browser.post(f"{at}/end", data=end | {"name": tenant.name}).status_code == 303
    assert tenant.http.get(tenant.url(f"/integrations/{made}")).json()["state"] in {"removing", "ended"}


def test_a_recording_says_where_it_stands(house: House, tenant: Tenant, browser: httpx.Client):
    """Each system by its name, what stands there, and what is kept."""
    recording = a_call(tenant)
    add_systems(house, tenant, dict.fromkeys(_CALLS, recording))
    page = browser.get(f"{base(tenant)}/recordings/{recording}").text
    part = page.split('id="systems-title"')[1].split("</section>")[0]
    assert re.findall(r">(HubSpot|Slack|Pipedrive)<", part) == ["HubSpot", "Slack", "Pipedrive"]
    assert "stands there" in part
    assert "is being removed" in part


def test_every_code_and_every_field_has_words():
    """A new one is shown by its own name until it has, so this finds it; each field of each system has a hint."""
    assert set(get_args(Cause)) == set(CAUSES)
    assert set(get_args(HandoverState)) == set(STATES) == set(TONES)
    assert set(get_args(IntegrationState)) == set(INTEGRATION_STATES)
    assert set(Residue) == set(RESIDUES)
    for system in SYSTEMS:
        fields = {one.name for one in system.settings_fields} - {"api_base"}
        fields |= {"key"} if system.key_field else set()
        assert fields == set(FIELDS[system.name]), system.name
        for name, words in FIELDS[system.name].items():
            assert words.label, (system.name, name)
            assert words.hint, (system.name, name)


def test_each_choice_is_one_that_the_system_takes():
    """No option of a form is refused."""
    for system in SYSTEMS:
        patterns = {one.name: one.pattern for one in system.settings_fields}
        for name, words in FIELDS[system.name].items():
            for value in words.options or {}:
                assert value == "" or patterns[name].fullmatch(value), (system.name, name, value)
