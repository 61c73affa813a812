"""Sign in and out of the console, what ends a session, and forms that another site sent."""

from datetime import timedelta

import httpx
import pytest

from tests.support.console import OWN, nonce_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House, open_house
from vault.web.console.sign_in.limits import MAX_FAILED, wrong_sign_ins
from vault.web.console.sign_in.sign_in import return_path
from vault.web.middleware.console_guard import origin_of


def key_of(house: House, account: str | None, *scopes: str) -> tuple[str, str]:
    """Return the id and the text of a new key."""
    body = {"name": "test", "scopes": list(scopes or ("*",))} | ({"account": account} if account else {})
    made = house.admin.post("/v1/keys", json=body).json()
    return made["id"], made["key"]


def home(tenant: Tenant) -> str:
    """Return the path of the account's overview."""
    return f"/console/accounts/{tenant.name}"


def test_a_key_opens_the_console_until_it_is_revoked(house: House, tenant: Tenant):
    """The session dies with the key, at the next request; each sign-in is in the account's log."""
    key_id, key = key_of(house, tenant.name)
    client = house.client(OWN)
    answer = client.post("/console/sign-in", data={"key": f" {key} ", "next": home(tenant)})
    assert (answer.status_code, answer.headers["location"]) == (303, home(tenant))
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    # The secret may itself have an underscore near its end.
    assert key.split("_", 2)[2] not in cookie
    page = client.get(home(tenant))
    assert page.status_code == 200
    assert page.headers["cache-control"] == "private, no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert "script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]
    assert house.admin.delete(f"/v1/keys/{key_id}").status_code == 204
    after = client.get(home(tenant))
    assert (after.status_code, after.headers["location"].partition("?")[0]) == (303, "/console/sign-in")
    events = [event for event in tenant.events() if event["type"] == "console.signed_in"]
    assert [event["actor"] for event in events] == [key_id]
    assert events[0]["detail"]["address"] == "127.0.0.1"


def test_sign_out_ends_the_session_for_every_copy_of_the_cookie(house: House, tenant: Tenant):
    """What was copied from the browser opens nothing afterwards; the end is logged."""
    client = sign_in(house, tenant.name)
    copied = house.client({"Cookie": f"console={client.cookies['console']}"})
    assert copied.get(home(tenant)).status_code == 200
    answer = client.post("/console/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?done=signed_out")
    assert not client.cookies
    assert copied.get(home(tenant)).status_code == 303
    assert tenant.types()[-1] == "console.ended"


def test_only_the_cookie_of_a_session_that_is_over_is_deleted(house: House, tenant: Tenant):
    """An image on another site is asked for without the cookie: its answer signs nobody out in any browser."""
    image = house.client({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}).get(home(tenant))
    assert (image.status_code, image.headers.get("set-cookie")) == (303, None)
    over = house.client({"Cookie": "console=abc"}).get(home(tenant))
    assert (over.status_code, "Max-Age=0" in over.headers["set-cookie"]) == (303, True)


def test_a_wrong_key_opens_nothing_and_is_logged_in_its_account(house: House, tenant: Tenant):
    """One text for every reason, which does not repeat the key; a wrong secret of a known key is an event."""
    _, key = key_of(house, tenant.name)
    stranger = house.client(OWN)
    wrong = [f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}", "cv_x_y", "", "\u2603", "x" * 5000]
    answers = [stranger.post("/console/sign-in", data={"key": one}) for one in wrong]
    assert [answer.status_code for answer in answers] == [401] * len(wrong)
    assert len({answer.text for answer in answers}) == 1
    assert key[:20] not in answers[0].text
    refused = [event for event in tenant.events() if event["type"] == "console.refused"]
    assert [event["result"] for event in refused] == ["wrong_secret"]


def test_wrong_keys_are_limited(house: House):
    """The address is refused after 60 failures within a minute, with a page that says when to return."""
    house.app.state.failed_sign_ins = wrong_sign_ins()
    stranger = house.client(OWN)
    try:
        codes = [stranger.post("/console/sign-in", data={"key": "cv_x_y"}) for _ in range(MAX_FAILED + 5)]
        assert [code.status_code for code in codes] == [401] * MAX_FAILED + [429] * 5
        assert 0 < int(codes[-1].headers["retry-after"]) <= 60
        assert stranger.post("/console/once/x").status_code == 429
    finally:
        house.app.state.failed_sign_ins = wrong_sign_ins()


def test_an_address_signs_in_once(house: House, tenant: Tenant):
    """Looking at it uses nothing up; its second use and an invented one are refused alike."""
    key_id, _ = key_of(house, tenant.name)
    token = house.call(house.vault.accounts.console_sessions.invite, key_id).text
    client = house.client(OWN)
    assert client.get(f"/console/once/{token}").status_code == 200
    assert client.post(f"/console/once/{token}").status_code == 303
    assert client.get(home(tenant)).status_code == 200
    again, invented = client.post(f"/console/once/{token}"), client.post("/console/once/abc")
    assert (again.status_code, invented.status_code) == (404, 404)
    assert again.text == invented.text


def test_a_session_ends_when_it_is_idle_or_old(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """30 minutes without a request, or 12 hours with some."""
    client, clock = sign_in(house, tenant.name), house.vault.accounts.console_sessions.clock
    for minutes, status in ((29, 200), (58, 200), (89, 303)):
        later = timedelta(minutes=minutes)
        object.__setattr__(
            house.vault.accounts.console_sessions, "clock", lambda later=later: clock() + later
        )
        assert client.get(home(tenant)).status_code == status, minutes
    client, begun = None, clock()
    object.__setattr__(house.vault.accounts.console_sessions, "clock", clock)
    client = sign_in(house, tenant.name)
    for minutes in range(20, 12 * 60, 20):
        object.__setattr__(
            house.vault.accounts.console_sessions,
            "clock",
            lambda minutes=minutes: begun + timedelta(minutes=minutes),
        )
        assert client.get(home(tenant)).status_code == 200, minutes
    object.__setattr__(
        house.vault.accounts.console_sessions, "clock", lambda: begun + timedelta(hours=12, minutes=1)
    )
    assert client.get(home(tenant)).status_code == 303
    object.__setattr__(house.vault.accounts.console_sessions, "clock", clock)


def test_cookies_open_no_rest_and_keys_no_console(house: House, tenant: Tenant):
    """REST reads no cookie, the console no key; a key's POST from another site still works."""
    client = sign_in(house, tenant.name)
    assert client.get(tenant.url()).status_code == 401
    key = house.key_for(tenant.name, "*")
    stranger = house.client(key)
    assert stranger.get(home(tenant)).status_code == 303
    crossed = stranger.post(
        tenant.url("/links/revocation"), json={}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert crossed.status_code != 403


CROSS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{origin}"},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "{other_scheme}"},
    {"Origin": "{origin}0"},
    {"Origin": "{origin}.evil.example"},
    {},
]


@pytest.mark.parametrize("public_url", ["http://vault.test:8000", "https://vault.test"])
def test_a_form_of_another_site_does_nothing(tmp_path, public_url: str):
    """On http a browser sends no Sec-Fetch-Site, so the origin decides; the Host header decides nothing."""
    with open_house(tmp_path, VAULT_PUBLIC_URL=public_url) as house:
        tenant = Tenant.open(house.admin)
        _, key = key_of(house, tenant.name)
        client = house.client()
        begun = client.post("/console/sign-in", data={"key": key}, headers={"Origin": public_url})
        assert begun.status_code == 303
        name, _, value = begun.headers["set-cookie"].partition(";")[0].partition("=")
        assert name == ("__Host-console" if public_url.startswith("https") else "console")
        assert ("Secure" in begun.headers["set-cookie"]) is public_url.startswith("https")
        client = house.client({"Cookie": f"{name}={value}"})
        form = {"nonce": nonce_of(client.get(home(tenant))), "enabled": "off", "name": tenant.name}
        scheme, _, rest = public_url.partition("://")
        words = {"origin": public_url, "other_scheme": f"{'http' if scheme == 'https' else 'https'}://{rest}"}
        for case in CROSS:
            headers = {name: value.format(**words) for name, value in case.items()} | {"Host": "evil.example"}
            for path in (f"{home(tenant)}/recording-switch", "/console/sign-in", "/console/sign-out"):
                assert client.post(path, data=form, headers=headers).status_code == 403, case
        assert tenant.http.get(tenant.url("/recording-switch")).json()["enabled"] is True
        own = client.post(f"{home(tenant)}/recording-switch", data=form, headers={"Origin": public_url})
        assert own.status_code == 303
        assert tenant.http.get(tenant.url("/recording-switch")).json()["enabled"] is False


def test_the_way_back_is_a_path_of_the_console():
    """Anything else leads to the console's start."""
    for good in ("/console", "/console/accounts/a-b/recordings?state=held&q=1", "/console/accounts/a%20b"):
        assert return_path(good) == good
    for bad in (
        "", "//evil.example", "/console//evil.example", "/consoleevil", "https://evil.example/console",
        "/console\\evil", "/console/../v1", "/console?next=\r\nSet-Cookie:a", "/console" + "/a" * 1000, "/v1",
        "/console/%2e%2e/evil", "/console/.%2E/evil",
    ):  # fmt: skip
        assert return_path(bad) == "/console", bad


def test_an_origin_is_written_as_browsers_do():
    """In lower case and without the scheme's own port."""
    assert origin_of("https://Vault.Example:443/base") == "https://vault.example"
    assert origin_of("http://127.0.0.1:8000") == "http://127.0.0.1:8000"
    assert origin_of("http://vault.test:80") == "http://vault.test"
    assert origin_of("https://vault.test:80") == "https://vault.test:80"


def test_an_operator_chooses_an_account(house: House, tenant: Tenant):
    """A key for all accounts sees their list, and each account's pages."""
    # On the first page, however many accounts other tests have opened.
    first = Tenant.open(house.admin, name=f"0-{tenant.name}")
    client = sign_in(house, None)
    assert first.name in client.get("/console").text
    assert client.get(home(first)).status_code == 200


def test_the_switch_runs_once_and_asks_for_the_name(house: House, tenant: Tenant):
    """A wrong name keeps what was typed; a double submit is one change; markup in a reason is text."""
    client = sign_in(house, tenant.name)
    form = {
        "nonce": nonce_of(client.get(home(tenant))),
        "enabled": "off",
        "reason": "<script>alert(1)</script>",
    }
    path = f"{home(tenant)}/recording-switch"
    wrong = client.post(path, data=form | {"name": "other"})
    assert wrong.status_code == 422
    assert "to confirm" in wrong.text
    assert 'value="&lt;script&gt;' in wrong.text
    for _ in range(2):
        assert (
            client.post(path, data=form | {"name": tenant.name}).headers["location"].endswith("switched_off")
        )
    assert tenant.types().count("switch.changed") == 1
    shown = client.get(f"{home(tenant)}?done=switched_off").text
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert httpx.get(f"{house.url}{home(tenant)}").status_code == 303
