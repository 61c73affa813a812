"""The form of a connection: a platform's own credentials, all that is wrong at once, and names that are free."""

import re
from typing import Final

from markupsafe import escape

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.telephony.registry import PROVIDERS

TWILIO: Final = {"title": "calls", "credential.account_sid": "AC" + "0" * 32, "secret.auth_token": "t0ken"}


def test_a_platform_is_chosen_and_asks_for_its_own_credentials(house: House, tenant: Tenant):
    """Each under the name that the platform has for it, with where it is found; the proposed name is free."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/connections"
    choice = client.get(f"{path}/new").text
    for provider in PROVIDERS:
        assert f'href="{path}/new?provider={provider.name}"' in choice
        page = client.get(f"{path}/new?provider={provider.name}").text
        for one in provider.credential_fields:
            kind = "secret" if one.is_secret else "credential"
            field = re.search(rf'<input id="field-{kind}.{one.name}"[^>]*>', page)
            assert field is not None, one
            assert ('type="password"' in field[0]) is one.is_secret
            assert (" required" in field[0]) is one.is_required
            assert str(escape(one.label)) in page
            assert str(escape(one.hint)) in page
    assert 'name="title" type="text" value="platform"' in client.get(f"{path}/new?provider=platform").text
    form = form_of(client.get(f"{path}/new?provider=twilio"), path)
    assert client.post(path, data=form | TWILIO | {"title": "twilio"}).is_redirect
    assert 'value="twilio-2"' in client.get(f"{path}/new?provider=twilio").text


def test_what_is_pasted_at_the_platform_can_be_copied_once(house: House, tenant: Tenant):
    """The address with all that the platform needs in it; and the form says what becomes of the platform's copy."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/connections"
    page = client.get(f"{path}/new?provider=twilio")
    assert "as is usual for this platform: delete" in page.text
    assert "as is usual for this platform: keep" in client.get(f"{path}/new?provider=vonage").text
    made = client.post(path, data=form_of(page, path) | TWILIO)
    shown = client.get(made.headers["location"]).text
    copied = re.findall(r'<code class="code" id="copied-[^>]*>(http[^<]*)</code>', shown)
    (base,) = {one.partition("#")[0] for one in copied if "#" in one}
    assert copied == [f"{base}#rc=5&amp;rp=all", f"{base}/call"]
    assert shown.count(f">{base}<") == 0


def test_all_that_a_platform_lacks_is_told_at_once(house: House, tenant: Tenant):
    """With the secret that was typed still there; at REST the names of all that are missing."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/connections"
    form = form_of(client.get(f"{path}/new?provider=twilio"), path)
    lacking = client.post(path, data=form | {"title": "calls"})
    assert lacking.status_code == 422
    for field in ("credential.account_sid", "secret.auth_token"):
        assert f'id="wrong-{field}"' in lacking.text, field
    sent = form | TWILIO | {"credential.account_sid": "AC0", "title": "", "next_url": "x"}
    wrong = client.post(path, data=sent)
    for field in ("title", "credential.account_sid", "next_url"):
        assert f'id="wrong-{field}"' in wrong.text, field
    assert 'value="t0ken"' in wrong.text
    half = client.post(path, data=form | TWILIO | {"secret.shared_key": "k"})
    assert (half.status_code, 'id="wrong-credential.shared_key_id"' in half.text) == (422, True)
    answer = tenant.http.put(tenant.url("/connections/calls"), json={"provider": "twilio", "credentials": {}})
    assert answer.status_code == 422
    assert "account_sid, auth_token" in answer.text


def test_a_new_connection_does_not_change_another_one(house: House, tenant: Tenant):
    """A name that is taken is told; the connection of this name stays as it was."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/connections"
    form = form_of(client.get(f"{path}/new?provider=platform"), path)
    new = "whsec_" + "A" * 43 + "="
    taken = client.post(path, data=form | {"title": "main", "secret.secret": new})
    assert (taken.status_code, 'id="wrong-title"' in taken.text) == (422, True)
    assert tenant.hook("call.started", call_ref="call-1").status_code == 200


def test_the_credentials_before_are_those_that_changed(house: House, tenant: Tenant):
    """What is empty among them is as it is now, so that both sign."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/connections"
    form = form_of(client.get(f"{path}/new?provider=twilio"), path)
    assert client.post(path, data=form | TWILIO | {"previous_secret.auth_token": "b e"}).status_code == 422
    made = client.post(path, data=form | TWILIO | {"previous_secret.auth_token": "before"})
    assert made.headers["location"] == f"{path}/calls?done=connected", made.text
