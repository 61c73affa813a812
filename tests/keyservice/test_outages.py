"""A running vault while its key service fails: what goes on, what is 503, and that nothing takes another way."""

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.key_faults import Fault, KeyProxy, another_secret, bao_says, drops, key_proxy, kms_says
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.openbao import PAGE, OpenBao
from tests.support.counts import count
from tests.support.tenant import Tenant, moment, tone
from tests.support.web_house import House, open_house
from vault.keyservice import aws_kms
from vault.keyservice.key_ring import AccountKeyRing
from vault.keyservice.root_keys import Breaker

pytestmark = pytest.mark.faults

AUDIO = tone(0.5)
#: For each way in which a service fails: what it says, and what a caller of the vault hears of it.
KMS: dict[str, tuple[Fault, str]] = {
    "broken": (kms_says("KMSInternalException"), "refuses the vault's request"),
    "denied": (kms_says("AccessDeniedException"), "does not let the vault use"),
    "disabled": (kms_says("DisabledException"), "is disabled"),
    "pending deletion": (kms_says("KMSInvalidStateException"), "pending deletion"),
    "throttled": (kms_says("ThrottlingException"), "throttles the vault"),
    "down": (drops, "does not answer"),
}
OPENBAO: dict[str, tuple[Fault, str]] = {
    "sealed": (bao_says(503, "Vault is sealed"), "is sealed"),
    "denied": (bao_says(403, "permission denied"), "does not let the vault use"),
    "deleted": (bao_says(400, "encryption key not found"), "does not know the key"),
    "throttled": (bao_says(429, "request path: rate limit quota exceeded"), "throttles the vault"),
    "down": (drops, "does not answer"),
}
TABLES = {"kms": KMS, "openbao": OPENBAO}
EVERY = [
    pytest.param(service, *failure, id=f"{service}-{name}")
    for service, table in TABLES.items()
    for name, failure in table.items()
]
ON_BOTH = pytest.mark.parametrize("kept", TABLES, indirect=True)


@dataclass
class Kept:
    """A running vault, the proxy before its key service, and an account with a recording."""

    house: House
    proxy: KeyProxy
    tenant: Tenant
    media: MediaThread
    recording: str
    calls: int = 0

    @property
    def ring(self) -> AccountKeyRing:
        """Return the ring of account keys."""
        ring = self.house.vault.jobs.ingest.ring
        assert isinstance(ring, AccountKeyRing)
        return ring

    @property
    def breaker(self) -> Breaker:
        """Return the breaker before the root key."""
        assert isinstance(self.ring.root, Breaker)
        return self.ring.root

    def forget(self) -> None:
        """Take the account's key out of memory, as five minutes do, and its opened connection."""

        async def forget() -> None:
            self.ring.forget(self.tenant.id)
            self.house.vault.jobs.ingest.connection_cache.forget(self.tenant.webhook_url.rpartition("/")[2])

        self.house.call(forget)

    def hook(self) -> httpx.Response:
        """Tell of a call that has begun."""
        self.calls += 1
        return self.tenant.hook(
            "call.started", call_ref=f"c-{self.calls}", started_at=moment(datetime.now(UTC))
        )

    def announce(self) -> httpx.Response:
        """Announce a recording that waits at the platform."""
        self.calls += 1
        url = self.media.serve(f"/{self.calls}.wav", AUDIO)
        return self.tenant.announce(url, call=f"c-{self.calls}", ref=f"r-{self.calls}")

    def upload(self) -> httpx.Response:
        """Upload a recording."""
        self.calls += 1
        return self.tenant.put(AUDIO, call=f"c-{self.calls}", ref=f"r-{self.calls}")

    def listen(self) -> httpx.Response:
        """Ask for the audio of the recording."""
        return self.house.admin.get(self.tenant.url(f"/recordings/{self.recording}/audio"))

    def open_account(self) -> httpx.Response:
        """Open an account that there is not yet."""
        self.calls += 1
        return self.house.admin.put(f"/v1/accounts/new-{self.calls}", json={})

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Let the key service fail for a while; afterwards some call or other has closed the breaker again."""
        self.proxy.fault = fault
        try:
            yield
        finally:
            self.proxy.fault = None
            deadline = time.monotonic() + 30
            while self.breaker.state != "closed":
                assert time.monotonic() < deadline
                time.sleep(self.breaker.circuit.pause / 4)
                self.forget()
                self.hook()


@contextmanager
def running_on(url: str, proxy: KeyProxy, folder: Path) -> Iterator[Kept]:
    """Run a vault whose root key lies behind the proxy, with an account and a recording."""
    with media_thread() as media:
        settings = {"VAULT_ROOT_KEY_URL": url, "VAULT_MEDIA_ALLOW": media.authority}
        with open_house(folder, **settings) as house:
            tenant = Tenant.open(house.admin)
            kept = Kept(house, proxy, tenant, media, tenant.uploaded(AUDIO))
            kept.breaker.circuit.pause = 0.2
            yield kept


@pytest.fixture(scope="module")
def on_kms(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A vault on KMS."""
    client = aws_kms.connect(endpoint_url=moto_url, region=None, connections=1)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    client.close()
    with key_proxy(moto_url) as proxy:
        url = f"aws-kms://{key}?endpoint_url=http://{proxy.host}"
        with running_on(url, proxy, tmp_path_factory.mktemp("kms")) as kept:
            yield kept


@pytest.fixture(scope="module")
def on_openbao(openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A vault on OpenBao."""
    with key_proxy(f"https://{openbao.host}", openbao.ca) as proxy:
        url = openbao.url_of(openbao.new_key()).replace(openbao.host, proxy.host)
        with running_on(url.replace("?", "?tls=off&"), proxy, tmp_path_factory.mktemp("bao")) as kept:
            yield kept


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Kept:
    """The vault on the key service that the test names."""
    kept: Kept = request.getfixturevalue(f"on_{request.param}")
    return kept


def refused(answer: httpx.Response, words: str) -> None:
    """Check that an answer is a 503 that says why and when to come back, and nothing of where the key is."""
    assert answer.status_code == 503, answer.text
    assert words in answer.json()["detail"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
    secrets = ("arn:", "127.0.0.1", "alias", "transit", "test-")
    assert not [secret for secret in secrets if secret in answer.text]


@pytest.mark.parametrize(("kept", "fault", "words"), EVERY, indirect=["kept"])
def test_what_needs_the_key_service_is_503_and_comes_back(kept: Kept, fault: Fault, words: str) -> None:
    """With the account's key in memory all goes on; without it all is 503; afterwards all goes on by itself."""
    kept.hook()
    with kept.failing(fault):
        assert kept.hook().status_code == 200
        announced = kept.announce()
        assert (announced.status_code, kept.upload().status_code) == (202, 201)
        assert (kept.listen().status_code, kept.listen().content) == (200, AUDIO)
        refused(kept.open_account(), words)
        kept.tenant.wait(announced.json()["recording"])
        kept.forget()
        for ask in (kept.hook, kept.announce, kept.upload, kept.listen, kept.open_account):
            refused(ask(), words)
        assert kept.breaker.state != "closed"
    after = [ask().status_code for ask in (kept.hook, kept.announce, kept.upload, kept.open_account)]
    assert after == [200, 202, 201, 201]
    assert kept.listen().content == AUDIO


@ON_BOTH
def test_a_refused_opening_leaves_nothing(kept: Kept) -> None:
    """An account that could not get a key is not there, and can be opened under the same name later."""
    with kept.failing(drops):
        refused(kept.house.admin.put("/v1/accounts/later", json={}), "does not answer")
        assert kept.house.admin.get("/v1/accounts/later/recordings").status_code == 404
    assert kept.house.admin.put("/v1/accounts/later", json={}).status_code == 201


@pytest.mark.parametrize("kept", ["openbao"], indirect=True)
def test_the_switch_needs_no_key(kept: Kept) -> None:
    """Recording can be switched off while no key can be had, and what comes afterwards is refused for that."""
    other = replace(kept, tenant=Tenant.open(kept.house.admin))
    with other.failing(drops):
        other.forget()
        assert other.tenant.switch(enabled=False)["enabled"] is False
    assert other.upload().status_code == 409
    other.tenant.switch(enabled=True)
    assert other.upload().status_code == 201


@pytest.mark.parametrize("kept", ["openbao"], indirect=True)
def test_what_an_outage_leaves_of_a_recording(kept: Kept) -> None:
    """Its links end and it is erased; it is neither shown without the facts of its call nor restricted."""
    admin, tenant = kept.house.admin, kept.tenant
    told = tenant.uploaded(AUDIO, call="told", ref="told")
    tenant.hook("call.started", call_ref="told", started_at=moment(datetime.now(UTC)))
    link, there = tenant.link(told), tenant.url(f"/recordings/{told}")
    with kept.failing(drops):
        kept.forget()
        for shown in (there, tenant.url("/recordings")):
            refused(admin.get(shown), "does not answer")
        refused(admin.put(f"{there}/restriction", json={}), "does not answer")
        assert admin.delete(f"{there}/links/{link['id']}").status_code == 204
    assert admin.get(there).json()["flags"]["restricted"] is False
    with kept.failing(drops):
        kept.forget()
        assert admin.delete(there).json()["state"] in {"erasing", "erased"}


@ON_BOTH
def test_another_keys_bytes_are_never_an_accounts_key(kept: Kept) -> None:
    """What answers with bytes that were never wrapped gets a 500, seals nothing, and is no outage."""
    with kept.failing(another_secret):
        kept.forget()
        for ask in (kept.hook, kept.upload, kept.listen, kept.open_account) * 2:
            assert ask().status_code == 500
        assert kept.breaker.state == "closed"
    assert kept.upload().status_code == 201
    assert kept.listen().content == AUDIO


@pytest.mark.parametrize("kept", ["openbao"], indirect=True)
def test_work_waits_while_the_key_service_is_down(kept: Kept) -> None:
    """A recording that was announced before an outage waits, is not failed by it, and comes in afterwards."""
    url = kept.media.on(f"/{kept.tenant.name}/waits.wav", answer(b"", status=404))
    # Facts of a call are sealed, and cannot be shown during an outage: this one says none.
    said = {"call_ref": "waits", "recording_ref": "waits", "recording_url": url}
    recording = kept.tenant.hook("recording.completed", **said).json()["recording"]
    kept.tenant.wait(recording, "retry_wait")
    with kept.failing(drops):
        kept.forget()
        end = time.monotonic() + count("seconds for which the key service is down", small=3, full=30)
        deadline, is_served = end + 60, False
        while not is_served or time.monotonic() < end:
            if (found := kept.tenant.get(recording))["reasons"][0]["code"] == "unavailable":
                # No attempt that got its key before the outage is under way any more.
                kept.media.serve(f"/{kept.tenant.name}/waits.wav", AUDIO)
                is_served = True
            assert found["state"] in {"retry_wait", "transferring"}
            assert time.monotonic() < deadline, found["reasons"]
            time.sleep(0.1)
    deadline = time.monotonic() + 60
    while kept.tenant.get(recording)["state"] != "available":
        assert time.monotonic() < deadline
        time.sleep(0.1)


@ON_BOTH
def test_every_context_is_one_that_the_page_lets_through(kept: Kept) -> None:
    """The conditions of the page's KMS policy hold for each request that the vault has sent."""
    contexts = []
    for body in map(json.loads, kept.proxy.bodies):
        if "EncryptionContext" in body:
            contexts.append(body["EncryptionContext"])
        else:
            contexts.append(json.loads(base64.b64decode(body["associated_data"])))
    assert {one["purpose"] for one in contexts} == {"account-key", "root-key-proof", "log-key"}
    allowed = page_conditions()
    for context in contexts:
        assert context["purpose"] in allowed["StringEquals"]["kms:EncryptionContext:purpose"]
        assert context.keys() <= set(allowed["ForAllValues:StringEquals"]["kms:EncryptionContextKeys"])


def page_conditions() -> Mapping[str, Any]:
    """Return the conditions of the KMS policy that the page shows."""
    policy, _ = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Action"] == ["kms:Encrypt", "kms:Decrypt"]
    return dict(statement["Condition"])
