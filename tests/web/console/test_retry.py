"""The console fetches a recording again: with the form's address, or the one that was announced."""

import re

from tests.support.console import nonce_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House

FETCH_AGAIN = re.compile(r"Fetch again|Récupérer à nouveau|Erneut abholen|Volver a descargar")
NOWHERE = "https://nowhere.invalid/1.wav"


def place_of(tenant: Tenant, recording: str) -> str:
    """Return the address of a recording's page."""
    return f"/console/accounts/{tenant.name}/recordings/{recording}"


def test_what_waits_is_fetched_now_once(house: House, tenant: Tenant):
    """Without an address, and with one; a second click of the same form runs nothing."""
    recording = tenant.announce(NOWHERE).json()["recording"]
    tenant.wait(recording, "retry_wait")
    client, place = sign_in(house, tenant.name), place_of(tenant, recording)
    for url in ("", "https://other.invalid/1.wav"):
        sent = {"nonce": nonce_of(client.get(place)), "recording_url": url}
        answers = [client.post(f"{place}/retry", data=sent) for _ in range(2)]
        assert {(one.status_code, one.headers["location"]) for one in answers} == {
            (303, f"{place}?done=retried")
        }
        assert "fetched again now" in client.get(answers[0].headers["location"]).text


def test_what_is_wrong_is_said_beside_the_field(house: House, tenant: Tenant):
    """The address that was typed stays, and the dialog is open; in each language in its own words."""
    recording = tenant.announce(NOWHERE).json()["recording"]
    tenant.wait(recording, "retry_wait")
    client, place = sign_in(house, tenant.name), place_of(tenant, recording)
    typed = "https://10.0.0.1/secret.wav"
    for number, language in enumerate(("en", "fr", "de", "es")):
        sent = {"nonce": f"n{number}", "recording_url": typed}
        answer = client.post(f"{place}/retry", data=sent, headers={"Accept-Language": language})
        assert answer.status_code == 422, language
        assert re.search(r'<dialog id="retry-dialog"[^>]* open', answer.text)
        assert f'value="{typed}"' in answer.text
        assert 'id="wrong-recording_url"' in answer.text
        (words,) = re.findall(r'id="wrong-recording_url">(.*?)</p>', answer.text, re.DOTALL)
        assert ('lang="en"' in words) is False, words
    assert tenant.get(recording)["state"] in {"retry_wait", "transferring"}


def test_only_what_has_not_arrived_has_the_button(house: House, tenant: Tenant):
    """And only for who may bring recordings in; what arrived meanwhile says so."""
    heard = tenant.uploaded(AUDIO)
    waiting = tenant.announce(NOWHERE, call="call-2").json()["recording"]
    tenant.wait(waiting, "retry_wait")
    client = sign_in(house, tenant.name)
    assert not FETCH_AGAIN.search(client.get(place_of(tenant, heard)).text)
    assert FETCH_AGAIN.search(client.get(place_of(tenant, waiting)).text)
    reader = sign_in(house, tenant.name, "recordings:read")
    assert not FETCH_AGAIN.search(reader.get(place_of(tenant, waiting)).text)
    late = client.post(f"{place_of(tenant, heard)}/retry", data={"nonce": "late", "recording_url": ""})
    assert late.status_code == 409
    assert "stored already" in late.text
