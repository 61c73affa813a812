"""A vault whose root key lies in a real OpenBao: from a webhook to a listener, while it is sealed and after."""

import time
from pathlib import Path

import httpx

from tests.servers.media_thread import MediaThread
from tests.servers.openbao import OpenBao
from tests.servers.vault_process import vault_process
from tests.support.tenant import Tenant, open_link, tone

AUDIO = tone(1.0)


def called(tenant: Tenant, media: MediaThread, ref: str) -> bytes:
    """Announce a recording, wait for it, open a link to it in a new browser, and return what is heard."""
    url = media.serve(f"/{tenant.name}/{ref}.wav", AUDIO)
    announced = tenant.announce(url, call=ref, ref=ref)
    assert announced.status_code == 202, announced.text
    recording = announced.json()["recording"]
    tenant.wait(recording)
    link = tenant.link(recording)["url"]
    with httpx.Client(timeout=30) as browser:
        player = httpx.URL(link).join(open_link(browser, link).headers["location"])
        return browser.get(f"{player}/audio").content


def test_a_vault_lives_through_a_sealed_openbao(openbao: OpenBao, media: MediaThread, tmp_path: Path) -> None:
    """What is in memory goes on, the rest is 503, and once it is unsealed all goes on without a restart."""
    url = openbao.url_of(openbao.new_key())
    settings = {"VAULT_ROOT_KEY_URL": url, "VAULT_MEDIA_ALLOW": media.authority}
    with vault_process(tmp_path, **settings) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as admin:
            tenant = Tenant.open(admin)
            assert called(tenant, media, "before") == AUDIO
            openbao.seal()
            try:
                assert called(tenant, media, "while-sealed") == AUDIO
                for _ in range(4):
                    refused = admin.put("/v1/accounts/late", json={})
                    assert (refused.status_code, "is sealed" in refused.text) == (503, True)
                    assert 1 <= int(refused.headers["Retry-After"]) <= 5
            finally:
                openbao.unseal()
            deadline = time.monotonic() + 60
            while (late := admin.put("/v1/accounts/late", json={})).status_code == 503:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert late.status_code == 201
            for one in (tenant, Tenant.open(admin)):
                assert called(one, media, "after") == AUDIO
    log, token = server.log.read_text(), Path(url.partition("token_file=")[2]).read_text().strip()
    assert "key_service.given_a_rest" in log
    assert "key_service.answers_again" in log
    assert not [secret for secret in (token, openbao.host, "vault:v1:") if secret in log]
