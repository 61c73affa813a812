"""A vault whose root key lies in a real OpenBao: from a webhook to a listener, while it is sealed and after."""

import secrets
import time
from pathlib import Path

import httpx

from tests.journeys.tenant import Tenant, open_link, tone
from tests.servers.media_thread import MediaThread
from tests.servers.openbao import OpenBao
from tests.servers.vault_process import VaultProcess, vault_process

AUDIO = tone(1.0)


def heard(url: str) -> bytes:
    """Open a link in a browser of its own, and return what is heard."""
    with httpx.Client(timeout=30) as browser:
        opened = open_link(browser, url)
        assert opened.status_code == 303, opened.text
        player = httpx.URL(url).join(opened.headers["location"])
        return browser.get(f"{player}/audio").content


def wait_until_idle(server: VaultProcess) -> None:
    """Wait until the worker has written what it writes of accounts and recordings on its own."""
    objects = server.data_dir / "objects"
    while time.time() - max(path.stat().st_mtime for path in objects.rglob("*")) < 1:
        time.sleep(0.1)


def test_a_vault_lives_through_a_sealed_openbao(openbao: OpenBao, media: MediaThread, tmp_path: Path) -> None:
    """What is in memory goes on, the rest is 503, and once it is unsealed all goes on without a restart."""
    settings = {
        "VAULT_ROOT_KEY_URL": openbao.url_of(openbao.new_key()),
        "VAULT_MEDIA_ALLOW": media.authority,
    }
    with vault_process(tmp_path, **settings) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as admin:
            warm, cold = Tenant.open(admin), Tenant.open(admin)
            urls = {one.name: media.serve(f"/{one.name}.wav", AUDIO) for one in (warm, cold)}
            first = warm.announce(urls[warm.name]).json()["recording"]
            warm.wait(first)
            assert heard(warm.link(first)["url"]) == AUDIO
            # A server that has just started has no account's key in memory; then one account is used.
            print("T heard", time.monotonic()); wait_until_idle(server)
            print("T idle", time.monotonic()); server.stop(); print("T stopped", time.monotonic())
            server.start(); print("T started", time.monotonic())
            assert heard(warm.link(first)["url"]) == AUDIO
            print("T seal", time.monotonic()); openbao.seal()
            try:
                second = warm.announce(urls[warm.name], ref="rec-2").json()["recording"]
                warm.wait(second)
                assert heard(warm.link(second)["url"]) == AUDIO
                delivery = secrets.token_hex(8)
                for _ in range(4):
                    refused = cold.hook("call.started", delivery=delivery, call_ref="c")
                    assert (refused.status_code, "is sealed" in refused.text) == (503, True)
                    assert int(refused.headers["Retry-After"]) >= 1
                assert admin.put("/v1/accounts/third", json={}).status_code == 503
                assert admin.get("/healthz").status_code == 200
            finally:
                openbao.unseal()
            deadline = time.monotonic() + 10
            while (told := cold.hook("call.started", delivery=delivery, call_ref="c")).status_code == 503:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert told.json()["status"] == "noted"
            cold.wait(cold.announce(urls[cold.name]).json()["recording"])
            assert admin.put("/v1/accounts/third", json={}).status_code == 201
    token = Path(settings["VAULT_ROOT_KEY_URL"].partition("token_file=")[2]).read_text().strip()
    log = server.log.read_text()
    assert "key_service.given_a_rest" in log
    assert not [secret for secret in (token, openbao.host, "vault:v1:") if secret in log]
