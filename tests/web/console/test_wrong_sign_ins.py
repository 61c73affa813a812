"""10,000 wrong sign-ins: what they cost, what they leave behind, and that the right key still enters."""

import logging
from pathlib import Path
from typing import Final

import httpx
import pytest
from sqlalchemy import func, select

from tests.fakes.identity_provider import IdentityProvider
from tests.servers.identity_provider import serving
from tests.support.console import OWN
from tests.support.provider_scene import Scene
from tests.support.tenant import Tenant
from tests.support.web_house import House, open_house
from vault.database.schema.sign_in import sign_in_attempts
from vault.web.console.sign_in.limits import MAX_FAILED, begun_sign_ins

WRONG: Final = 10_000
SECRET: Final = "wr0ngwr0ngwr0ng"


def test_ten_thousand_wrong_sign_ins_leave_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    """A minute's worth is 401, all others 429; the log of the account has the former, and nothing says a secret."""
    caplog.set_level(logging.DEBUG, logger="vault")
    with open_house(tmp_path, VAULT_TRUSTED_PROXIES="127.0.0.0/8") as house:
        tenant = Tenant.open(house.admin)
        key = house.key_for(tenant.name, "recordings:read")["Authorization"].removeprefix("Bearer ")
        clock = house.app.state.clock
        began = clock()
        house.app.state.clock = lambda: began  # A slow machine must not begin a second minute.
        codes, said = wrong(house, key)
        assert codes == [401] * MAX_FAILED + [429] * (WRONG - MAX_FAILED)
        assert len(said) <= 4  # The form twice, the page of a used address, and that of too many.
        assert not any(SECRET in one or key[-20:] in one for one in said)
        assert len(house.app.state.failed_sign_ins) == 1

        def enter(address: str) -> int:
            client = house.client(OWN | {"X-Forwarded-For": address})
            return client.post("/console/sign-in", data={"key": key}).status_code

        assert (enter("192.0.2.7"), enter("198.51.100.9")) == (429, 303)
        house.app.state.clock = clock
        events = [event for event in tenant.events() if event["type"].startswith("console.")]
        refused = [event for event in events if event["type"] == "console.refused"]
        assert len(refused) == MAX_FAILED // 3
        assert {event["detail"]["address"] for event in refused} == {"192.0.2.7"}
        assert [event["detail"]["address"] for event in events if event not in refused] == ["198.51.100.9"]
        assert SECRET not in str(events)
        assert SECRET not in house.admin.get("/metrics").text
    printed = "".join(capfd.readouterr()) + caplog.text
    assert SECRET not in printed
    assert key[-20:] not in printed
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept


def wrong(house: House, key: str) -> tuple[list[int], set[str]]:
    """Sign in wrongly, in three ways in turn; return the statuses and the different pages."""
    identifier = key.rpartition("_")[0]
    ways = (
        ("POST", "/console/sign-in", {"key": f"{identifier}_{SECRET}", "next": "/console"}),
        ("POST", "/console/sign-in", {"key": f"cv_0000000000000000_{SECRET}"}),
        ("POST", f"/console/once/{SECRET}", {}),
    )
    client = house.client(OWN | {"X-Forwarded-For": "192.0.2.7"})
    codes, pages = [], set()
    for number in range(WRONG):
        method, path, form = ways[number % len(ways)]
        answer = client.request(method, path, data=form)
        codes.append(401 if answer.status_code == 404 else answer.status_code)
        pages.add(answer.text)
    return codes, pages


def test_one_address_begins_some_sign_ins_a_minute(tmp_path: Path):
    """Each leaves a row: further ones are 429 in the browser's language, and leave none; another address goes on."""
    provider = IdentityProvider()
    with (
        serving(provider) as host,
        open_house(tmp_path, VAULT_MEDIA_ALLOW=host, VAULT_TRUSTED_PROXIES="127.0.0.0/8") as house,
    ):
        clock = house.app.state.clock
        scene = Scene(house, provider, Tenant.open(house.admin), {})
        address = scene.put()["sign_in_url"]
        began = clock()
        house.app.state.clock = lambda: began  # A slow machine must not begin a second minute.
        house.app.state.begun_sign_ins = begun_sign_ins(3)

        def begin(client: str) -> httpx.Response:
            headers = OWN | {"X-Forwarded-For": client, "Accept-Language": "de"}
            return house.client(headers).get(address)

        answers = [begin("192.0.2.7") for _ in range(5)]
        assert [one.status_code for one in answers] == [303] * 3 + [429] * 2
        assert answers[-1].headers["retry-after"] == "60"
        assert "Zu viele begonnene Anmeldungen" in answers[-1].text
        assert begin("198.51.100.9").status_code == 303
        counted = select(func.count()).select_from(sign_in_attempts)
        assert house.call(house.vault.database.read, lambda tx: tx.connection.execute(counted).scalar()) == 4
