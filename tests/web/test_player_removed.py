"""What the player says of ranges that were removed: to everybody that they were, to people of the account why."""

import re

import httpx

from tests.support import corpus
from tests.support.console import OWN, sign_in
from tests.support.keyed import CARD, call, keyed
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House

ENTRY = re.compile(
    r'<li data-from="([\d.]+)" data-to="([\d.]+)" data-channels="([\d ]+)"><a class="moment" href="#t=([\d:]+)">'
    r"[\d:]+</a> <p data-says>([^<]*)</p>"
)


def shown(browser: httpx.Client, tenant: Tenant, recording: str) -> list[tuple[str, ...]]:
    """Open the player, and return the removed ranges that its page has."""
    path = open_link(browser, tenant.link(recording)["url"]).headers["location"]
    return ENTRY.findall(browser.get(path).text)


def removed(tenant: Tenant, recording: str, **body: object) -> None:
    """Remove a range."""
    answer = tenant.http.post(tenant.url(f"/recordings/{recording}/redactions"), json=body)
    assert answer.status_code == 200, answer.text


def test_each_removal_is_named_and_its_reason_stays_in_the_house(house: House, tenant: Tenant):
    """Also a removal of one channel, and one of half a second; the typed reason is escaped, and for the account."""
    recording = tenant.uploaded(corpus.encode("wav", "pcm_mulaw", corpus.tones(3.0, rate=8000), rate=8000))
    mine = sign_in(house, tenant.name, "recordings:read", "links:write")
    stranger = house.client(OWN)
    assert shown(mine, tenant, recording) == []
    # The later part is removed first.
    removed(tenant, recording, ranges=[{"from": 1.0, "to": 2.25}], reason="<b>Mr Doe's</b> card")
    removed(tenant, recording, ranges=[{"from": 0.5, "to": 1, "channels": [1]}], reason="a name")
    assert shown(mine, tenant, recording) == [
        ("0.5", "1.0", "1", "0:00", "Removed: a name, 1 second"),
        ("1.0", "2.25", "0 1", "0:01", "Removed: &lt;b&gt;Mr Doe&#39;s&lt;/b&gt; card, 2 seconds"),
    ]
    assert [one[-1] for one in shown(stranger, tenant, recording)] == [
        "Removed: 1 second",
        "Removed: 2 seconds",
    ]


def test_what_the_vault_found_is_card_data_to_everybody(house: House, tenant: Tenant):
    """Only where the removal took a proposal of the detector."""
    tenant.http.put(tenant.url("/card-data"), json={"keyed_digits": "propose"})
    samples = call((2.0, keyed(CARD)), seconds=8.0)
    recording = tenant.uploaded(corpus.encode("wav", "pcm_mulaw", samples, rate=8000))
    tenant.wait(recording)
    (proposal,) = tenant.http.get(tenant.url("/redaction-proposals")).json()["items"]
    removed(tenant, recording, proposal=proposal["id"], reason="of Mr Doe")
    ((*_, said),) = shown(house.client(OWN), tenant, recording)
    assert re.fullmatch(r"Removed: card data, \d+ seconds", said)


def test_what_a_policy_removed_is_card_data_to_its_own_people_too(house: House, tenant: Tenant):
    """Nobody typed a reason there, so none is shown, and no word of the evidence stands in for it."""
    tenant.http.put(tenant.url("/card-data"), json={"keyed_digits": "redact"})
    samples = call((2.0, keyed(CARD)), seconds=8.0)
    recording = tenant.uploaded(corpus.encode("wav", "pcm_mulaw", samples, rate=8000))
    tenant.wait(recording)
    mine = sign_in(house, tenant.name, "recordings:read", "links:write")
    for browser in (mine, house.client(OWN)):
        ((*_, said),) = shown(browser, tenant, recording)
        assert re.fullmatch(r"Removed: card data, \d+ seconds", said)
