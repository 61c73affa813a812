"""An account with a key of its own in KMS, over HTTP: put there, taken away by its owner, given back, and left.

A vault whose root key lies in a real OpenBao: from a webhook to a listener, while it is sealed and after.
"""

import os
import time
from pathlib import Path

import httpx
import pytest

from tests.servers.key_faults import key_proxy, kms_says
from tests.servers.media_thread import MediaThread
from tests.servers.openbao import OpenBao
from tests.servers.vault_process import vault_process
from tests.support.tenant import Tenant, open_link, tone
from vault.keyservice import aws_kms

AUDIO = tone(0.5)
SECOND = tone(1.0)


@pytest.fixture
def arn(moto_url: str) -> str:
    """A key in moto's KMS."""
    client = aws_kms.connect(endpoint_url=moto_url, region="us-east-1", connections=1)
    made = client.create_key()["KeyMetadata"]["Arn"]
    client.close()
    return made


def put_key(tenant: Tenant, key: object) -> httpx.Response:
    return tenant.http.put(tenant.url("/own-key"), json={"key": key})


def settled(tenant: Tenant) -> None:
    """Wait until nothing is left under an older version."""
    deadline = time.monotonic() + 60
    while not all(
        "destroyed_at" in one for one in tenant.http.get(tenant.url("/key-rotation")).json()["before"]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_account_brings_its_key_and_takes_it_away(moto_url: str, arn: str, tmp_path: Path) -> None:
    """Disabled, nothing of this account opens after a restart, and the account beside it notices nothing."""
    with key_proxy(moto_url) as proxy:
        credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        settings = {"VAULT_OWN_KEYS_URL": f"aws-kms://?endpoint_url=http://{proxy.host}"} | credentials
        with vault_process(tmp_path, **settings) as server:
            headers = {"Authorization": f"Bearer {(admin_key := server.create_key())}"}
            with httpx.Client(base_url=server.url, headers=headers, timeout=30) as admin:
                tenant, beside = Tenant.open(admin), Tenant.open(admin)
                ids = [one.uploaded(AUDIO) for one in (tenant, beside)]
                assert put_key(tenant, arn).status_code == 202
                assert put_key(tenant, arn).status_code == 200
                assert put_key(tenant, None).status_code == 409
                settled(tenant)
                assert admin.get(tenant.url("/own-key")).json() == {"key": arn, "version": 2}
        proxy.fault = kms_says("DisabledException")
        with vault_process(tmp_path, **settings) as server:
            headers = {"Authorization": f"Bearer {admin_key}"}
            with httpx.Client(base_url=server.url, headers=headers, timeout=30) as admin:
                sounds = [
                    f"{one.url('')}/recordings/{i}/audio"
                    for one, i in zip((tenant, beside), ids, strict=True)
                ]
                refused = admin.get(sounds[0])
                assert (refused.status_code, refused.content.count(b"own key cannot be used")) == (503, 1)
                assert arn not in refused.text
                assert admin.get(sounds[1]).content == AUDIO
                assert admin.get("/readyz").status_code == 200
                off = admin.put(tenant.url("/recording-switch"), json={"enabled": False})
                assert off.status_code == 200
                proxy.fault = None
                deadline = time.monotonic() + 60
                while (heard := admin.get(sounds[0])).status_code == 503:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                assert heard.content == AUDIO
                assert arn not in server.log.read_text()


@pytest.mark.parametrize(
    "key", ["alias/mine", "arn:aws:kms:eu-central-1:111122223333:alias/mine", "", "x" * 300, 7]
)
def test_what_names_no_key_is_said(tenant: Tenant, key: object) -> None:
    """422, naming the field, and nothing changes."""
    answer = put_key(tenant, key)
    assert (answer.status_code, "key" in answer.text) == (422, True)
    assert tenant.http.get(tenant.url("/own-key")).json() == {"key": None, "version": 1}


def test_a_vault_that_takes_none_says_so(tenant: Tenant) -> None:
    """409, and what the operator could do."""
    refused = put_key(tenant, "arn:aws:kms:eu-central-1:111122223333:key/1234abcd")
    assert (refused.status_code, "VAULT_OWN_KEYS_URL" in refused.text) == (409, True)


def called(tenant: Tenant, media: MediaThread, ref: str) -> bytes:
    """Announce a recording, wait for it, open a link to it in a new browser, and return what is heard."""
    url = media.serve(f"/{tenant.name}/{ref}.wav", SECOND)
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
            assert called(tenant, media, "before") == SECOND
            openbao.seal()
            try:
                assert called(tenant, media, "while-sealed") == SECOND
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
                assert called(one, media, "after") == SECOND
    log, token = server.log.read_text(), Path(url.partition("token_file=")[2]).read_text().strip()
    assert "key_service.given_a_rest" in log
    assert "key_service.answers_again" in log
    assert not [secret for secret in (token, openbao.host, "vault:v1:") if secret in log]
