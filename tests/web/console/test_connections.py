"""Connections at the console: what came in last, keys that sign links, cuts, and sign-in providers."""

import re
import time
from datetime import UTC, datetime

import httpx

from tests.support.console import MARKUP, form_of, sign_in
from tests.support.link_keys import register
from tests.support.link_minter import Minter, base64url
from tests.support.tenant import Tenant, tone
from tests.support.web_house import House
from vault.services.ingest.receive_webhook import NoteActivity


def base(tenant: Tenant) -> str:
    """Return the path of the account's pages."""
    return f"/console/accounts/{tenant.name}"


def shown(tenant: Tenant, wanted: str) -> dict[str, object]:
    """Return the connection once it has a value under ``wanted``: notes are written beside the requests."""
    for _ in range(300):
        one = tenant.http.get(tenant.url("/connections/main")).json()
        if one[wanted] is not None:
            return one
        time.sleep(0.02)
    raise AssertionError(wanted)


def test_the_last_webhook_and_the_last_error_are_shown(house: House, tenant: Tenant):
    """To the minute, with a code and none of what was sent; nothing is written for ids that do not exist."""
    one = tenant.http.get(tenant.url("/connections/main")).json()
    assert (one["last_webhook_at"], one["last_refusal"]) == (None, None)
    began = datetime.now(UTC).replace(microsecond=0)
    assert tenant.hook("call.started", call_ref="call-1").status_code == 200
    one = shown(tenant, "last_webhook_at")
    assert datetime.fromisoformat(str(one["last_webhook_at"])) >= began
    forged = httpx.post(tenant.webhook_url, content=MARKUP, headers={"webhook-id": "x"})
    assert forged.status_code == 401
    assert shown(tenant, "last_refusal")["last_refusal"] == "headers"
    assert httpx.post(f"{tenant.webhook_url}0", content="x").status_code == 401
    client = sign_in(house, tenant.name)
    for path in ("", "/main"):
        page = client.get(f"{base(tenant)}/connections{path}").text
        assert "headers with the signature were missing" in page
        assert "none yet" not in page
        assert MARKUP not in page
        assert tenant.secret not in page


def test_notes_are_rare(house: House, tenant: Tenant):
    """A thousand webhooks within a minute are two notes; a new code is another one; unknown ids leave nothing."""
    written: list[str] = []

    class Counting:
        async def write(self, _deed: object) -> None:
            written.append("note")

    async def storm() -> None:
        notes = NoteActivity(database=Counting(), clock=lambda: datetime.now(UTC))  # type: ignore[arg-type]
        for _ in range(1000):
            notes.taken("conn_a")
            notes.refused("conn_a", "signature")
        await notes.close()

    house.call(storm)
    assert len(written) == 2


def test_an_address_is_shown_as_it_was_entered(tenant: Tenant):
    """It is stored sealed; those who may change it read it."""
    body = {
        "provider": "platform",
        "credentials": {"secret": tenant.secret},
        "next_url": "https://next.example/a",
    }
    for answer in (
        tenant.http.put(tenant.url("/connections/main"), json=body),
        tenant.http.get(tenant.url("/connections/main")),
    ):
        assert answer.json()["next_url"] == "https://next.example/a"


def test_a_key_that_signs_links_is_registered_with_a_signed_challenge(house: House, tenant: Tenant):
    """A wrong signature is named and keeps what was typed; the key signs; its limits are changed; it is deleted."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/connections/keys"
    minter = Minter()
    form = form_of(client.get(f"{path}/links/new"), f"{path}/links")
    form |= {"title": "crm", "algorithm": "Ed25519", "public_key": minter.pem, "kinds.player": "on"}
    form |= {
        "max_life": "900",
        "max_sessions": "5",
        "proof": base64url(Minter().sign(form["challenge"].encode())),
    }
    wrong = client.post(f"{path}/links", data=form)
    assert (wrong.status_code, 'id="wrong-proof"' in wrong.text) == (422, True)
    form |= form_of(wrong, f"{path}/links") | {"proof": base64url(minter.sign(form["challenge"].encode()))}
    assert client.post(f"{path}/links", data=form | {"max_life": "many"}).status_code == 422
    made = client.post(f"{path}/links", data=form)
    assert made.headers["location"].endswith("done=link_key_registered"), made.text
    (key,) = tenant.http.get(tenant.url("/link-keys")).json()["items"]
    assert (key["name"], key["max_life"]) == ("crm", 900)
    assert key["id"] in client.get(path).text
    limits = client.get(f"{path}/links/new?key=crm")
    assert minter.pem.splitlines()[1] in limits.text
    again = form | form_of(limits, f"{path}/links")
    again |= {"max_life": "60", "proof": base64url(minter.sign(again["challenge"].encode()))}
    assert client.post(f"{path}/links", data=again).is_redirect
    assert tenant.http.get(tenant.url("/link-keys/crm")).json()["max_life"] == 60
    assert client.get(f"{path}/links/new?key=nobody").status_code == 404
    gone = client.post(f"{path}/links/crm/deletion", data={"nonce": "d", "name": "crm"})
    assert gone.headers["location"].endswith("done=link_key_deleted")


def test_links_are_cut_with_the_account_s_name_typed(house: House, tenant: Tenant):
    """A target without a name would cut everything, so it is refused; a cut link opens nothing."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/connections/keys/cuts"
    recording = tenant.uploaded(tone(1.0))
    minter = register(tenant, Minter())
    link = tenant.link(recording, listener="Kim Doe")["url"]
    assert minter.key_id
    form = {"name": tenant.name, "target": "listener", "value": ""}
    wrongs: list[tuple[dict[str, str], str]] = [
        ({}, "wrong-value"),
        ({"target": "", "value": "Kim"}, "wrong-value"),
        ({"target": "odd"}, "wrong-target"),
        ({"name": "x", "value": "Kim Doe"}, "wrong-cutname"),
    ]
    for number, (changed, place) in enumerate(wrongs):
        wrong = client.post(path, data=form | {"nonce": f"w{number}"} | changed)
        assert (wrong.status_code, f'id="{place}"' in wrong.text) == (422, True), changed
    assert house.client().get(link).status_code == 200
    cut = client.post(path, data=form | {"nonce": "c", "value": "Kim Doe"})
    assert cut.headers["location"].endswith("done=links_cut"), cut.text
    assert house.client().get(link).status_code == 404
    assert "of Kim Doe" in client.get(path).text
    narrow = sign_in(house, tenant.name, "links:write").get(path).text
    assert "Kim Doe" not in narrow


def test_a_sign_in_provider_is_connected_changed_and_deleted(house: House, tenant: Tenant):
    """The secret is in no page and stays when the field is empty; nobody grants what they lack."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/access/sign-in"
    form = form_of(client.get(f"{path}/new"), path)
    form |= {
        "title": "own",
        "issuer": "https://id.example",
        "client_id": "vault",
        "client_secret": "s3cret-of-ours",
    }
    form |= {"scopes": "openid profile", "claim": "realm_access\nroles"}
    form |= {
        "roles.0.value": MARKUP,
        "roles.0.role": "listener",
        "roles.2.value": "admins",
        "roles.2.role": "admin",
    }
    wrong = client.post(path, data=form | {"issuer": "http://id.example"})
    assert (wrong.status_code, 'id="wrong-issuer"' in wrong.text) == (422, True)
    made = client.post(path, data=form | {"nonce": "2"})
    assert made.headers["location"] == f"{path}/own?done=sign_in_set", made.text
    one = tenant.http.get(tenant.url("/sign-in-connections/own")).json()
    # The address that was entered at the provider before is that of the connection.
    assert one["redirect_uri"] in wrong.text
    assert one["redirect_uri"] not in client.get(f"{path}/new").text
    taken = client.post(path, data=form | {"nonce": "t"})
    assert (taken.status_code, 'id="wrong-title"' in taken.text) == (422, True)
    assert (one["claim"], one["has_secret"]) == (["realm_access", "roles"], True)
    assert [(role["value"], role["role"]) for role in one["roles"]] == [
        (MARKUP, "listener"),
        ("admins", "admin"),
    ]
    page = client.get(f"{path}/own")
    assert one["redirect_uri"] in page.text
    assert "s3cret-of-ours" not in page.text
    assert MARKUP not in page.text
    del form["seed"]
    form |= form_of(page, path) | {"client_secret": "", "roles.2.value": ""}
    odd = client.post(path, data=form | {"nonce": "o", "issuer": "http://id.example"})
    assert "Back-channel logout URI" in odd.text
    assert client.post(path, data=form).is_redirect
    changed = tenant.http.get(tenant.url("/sign-in-connections/own")).json()
    assert (changed["has_secret"], len(changed["roles"])) == (True, 1)
    narrow = sign_in(house, tenant.name, "keys:write")
    assert narrow.post(path, data=form | {"nonce": "3", "roles.0.role": "admin"}).status_code == 403
    assert client.post(f"{path}/own/deletion", data={"nonce": "4", "name": "x"}).status_code == 422
    gone = client.post(f"{path}/own/deletion", data={"nonce": "5", "name": "own"})
    assert gone.headers["location"].endswith("done=sign_in_deleted")
    assert tenant.http.get(tenant.url("/sign-in-connections/own")).status_code == 404


def test_a_sign_in_provider_is_tested_before_it_is_saved(house: House, tenant: Tenant):
    """Nothing is stored, what was typed stays with its secret, and a wrong field is told as when it is saved."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/access/sign-in"
    form = form_of(client.get(f"{path}/new"), path)
    form |= {"title": "own", "client_id": "vault", "client_secret": "s3cret-of-ours", "scopes": "openid"}
    form |= {"claim": "groups", "issuer": "https://127.0.0.1"}
    tested = client.post(f"{path}/test", data=form)
    assert tested.status_code == 200
    assert "The sign-in provider cannot be used" in tested.text
    assert 'value="s3cret-of-ours"' in tested.text
    assert form["seed"] in tested.text
    wrong = client.post(f"{path}/test", data=form | {"issuer": "http://id.example"})
    assert 'id="wrong-issuer"' in wrong.text
    assert tenant.http.get(tenant.url("/sign-in-connections")).json()["items"] == []


def test_a_sign_in_provider_that_was_approved_has_the_address_of_its_form(house: House, tenant: Tenant):
    """The administrator entered it at the provider before a second person approved the connection."""
    path = f"{base(tenant)}/access/sign-in"
    rule = {"enabled": True, "verbs": ["sign_in_connection"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    client = sign_in(house, tenant.name)
    page = client.get(f"{path}/new")
    shown = re.search(r"console/callback/idp_[0-9a-f]{32}", page.text)
    form = form_of(page, path) | {"title": "own", "client_id": "vault", "client_secret": "s3cret-of-ours"}
    form |= {"scopes": "openid", "claim": "groups", "issuer": "https://id.example"}
    assert client.post(path, data=form).is_redirect
    (waits,) = tenant.http.get(tenant.url("/approvals")).json()["items"]
    keys = house.vault.accounts.api_keys
    _, key = house.call(keys.issue, name="second", scopes=["*"], account_id=None, actor="operator")
    second = house.client({"Authorization": f"Bearer {key.text}"})
    said = {"decision": "approve", "digest": waits["digest"]}
    done = second.post(tenant.url(f"/approvals/{waits['id']}"), json=said)
    assert done.json().get("state") == "executed", done.text
    made = tenant.http.get(tenant.url("/sign-in-connections/own")).json()
    assert shown is not None
    assert made["redirect_uri"].endswith(shown[0])


def test_a_connection_is_changed_without_losing_its_settings(house: House, tenant: Tenant):
    """Its form comes filled in; the secrets before are taken beside the new ones, and stay valid."""
    url = tenant.url("/connections/main")
    body = {"provider": "platform", "credentials": {"secret": tenant.secret}, "delete_refused": True}
    assert tenant.http.put(url, json=body | {"next_url": "https://pbx.example/next"}).status_code == 200
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/connections"
    page = client.get(f"{path}/main").text
    assert "https://pbx.example/next" in page
    page = client.get(f"{path}/new?from=main")
    assert tenant.secret not in page.text
    form = form_of(page, path) | {
        "delete_at_source": "no",
        "delete_refused": "on",
        "next_url": "https://pbx.example/next",
    }
    for filled in (
        'name="changes" value="main"',
        'name="provider" value="platform"',
        '<option value="no" selected>',
        'name="delete_refused" value="on" checked',
        'value="https://pbx.example/next"',
    ):
        assert filled in page.text, filled
    new = "whsec_" + "A" * 43 + "="
    secrets = {"secret.secret": new, "previous_secret.secret": tenant.secret}
    sent = client.post(path, data=form | secrets)
    assert sent.headers["location"] == f"{path}/main?done=connected"
    shown = tenant.http.get(url).json()
    assert (shown["next_url"], shown["delete_refused"]) == ("https://pbx.example/next", True)
    assert tenant.hook("call.started", call_ref="call-1").status_code == 200
    assert client.get(f"{path}/new?from=nobody").status_code == 404


def test_the_account_has_its_name_language_and_limits(house: House, tenant: Tenant):
    """As at REST: a field left empty is the default of a limit, and none is above the operator's ceiling."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/account"
    form = form_of(client.get(path), path)
    named = client.post(path, data=form | {"title": MARKUP, "locale": "fr-CA"})
    assert named.headers["location"] == f"{path}?done=account_set"
    shown = tenant.http.get(tenant.url("")).json()
    assert (shown["name"], shown["locale"]) == (MARKUP, "fr-CA")
    assert MARKUP not in client.get(path).text
    limits = f"{path}/limits"
    form = form_of(client.get(path), limits)
    assert client.post(limits, data=form | {"queue": "7"}).status_code == 303
    own = tenant.http.get(tenant.url("/limits")).json()["own"]
    assert (own.get("queue"), own.get("bytes_in_flight")) == (7, None)
    for wrong in ("0", "many", "9" * 18):
        refused = client.post(limits, data=form | {"nonce": wrong, "queue": wrong})
        assert (refused.status_code, 'id="wrong-queue"' in refused.text) == (422, True)
    assert client.post(path, data=form | {"nonce": "l", "locale": "!"}).status_code == 422
