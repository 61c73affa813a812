"""The policies of role and bucket on the Ceph gateway, which enforces both, by the vault's own store.

From the stacks to a vaulted call, as docs/deploy-on-aws.md goes, with every policy enforced by moto.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.infra.conftest import enforced
from tests.infra.moto_stacks import Deployed
from tests.infra.rgw import TheOwner, policy_user
from tests.infra.role_at_work import FORBIDDEN, opened, refused, whole_cycle
from tests.infra.tasks import Task
from tests.servers.ports import free_ports
from tests.servers.processes import is_ready, wait_until
from tests.support.tenant import Tenant, tone
from vault.errors import NotFound, Unavailable
from vault.thread_pools import Threads

AUDIO = tone(2.0)


@pytest.mark.timeout(400)
@pytest.mark.postgresql
@pytest.mark.xdist_group("stacks")
def test_the_tasks_of_the_stacks_vault_a_call(stacks: Deployed, postgresql_url: str, tmp_path: Path) -> None:
    """Migrate, make the first key, serve and work under the roles alone: a call is sealed, heard and erased."""
    roles = {"command": "Vault", "first-key": "FirstKey", "server": "Vault", "worker": "Vault"}
    migrate, first_key, server, worker = (
        Task.of(stacks, name, f"{role}RoleArn", postgresql_url, tmp_path) for name, role in roles.items()
    )
    (port,) = free_ports(1)
    log, url = tmp_path / "log", f"http://127.0.0.1:{port}"
    with enforced(stacks):
        for task in (migrate, first_key):
            ended = task.run()
            assert ended.returncode == 0, ended.stderr
        assert "cv_" not in ended.stdout + ended.stderr
    left = stacks.client("secretsmanager").get_secret_value(SecretId=stacks.outputs["FirstKeySecret"])
    headers = {"Authorization": f"Bearer {left['SecretString']}"}
    with enforced(stacks), server.start(log, "--port", str(port)) as serving, worker.start(log):
        wait_until(lambda: is_ready(f"{url}/readyz"), serving, log, 90)
        with httpx.Client(base_url=url, headers=headers, timeout=30) as admin:
            tenant = Tenant.open(admin)
            recording = tenant.uploaded(AUDIO)
            heard = admin.get(tenant.url(f"/recordings/{recording}/audio"))
            erased = admin.delete(tenant.url(f"/recordings/{recording}"))
    assert (heard.status_code, heard.content, erased.is_success) == (200, AUDIO, True), log.read_text()[
        -3000:
    ]
    listed = stacks.client("s3").list_objects_v2(Bucket=stacks.outputs["Bucket"])
    assert "vault/owner.json" in {one["Key"] for one in listed["Contents"]}
    assert written(tmp_path) == [], "the container's one writable folder is not even needed"


def written(folder: Path) -> list[Path]:
    """Return every file in the data directories."""
    return [path for path in folder.glob("*/data/**/*") if path.is_file()]


@pytest.fixture
def owner(ceph: str) -> Iterator[TheOwner]:
    """The owner of a new bucket on the Ceph gateway, with what the template says of it."""
    made = TheOwner.of_new_bucket(ceph)
    yield made
    made.s3.close()


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_the_role_is_enough_and_no_more_on_the_ceph_gateway(
    owner: TheOwner, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user of its own can do nothing; with the role's policy the whole cycle; with nothing else anything else."""
    user = policy_user(owner)
    store = opened(owner.url, owner.bucket, threads, monkeypatch, user.credentials)
    with pytest.raises(Unavailable):
        await whole_cycle(store)
    user.allow(owner.role_policy())
    await whole_cycle(store)
    assert refused(store.client, owner.bucket) == list(FORBIDDEN)
    store.close()


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_a_condition_on_the_prefix_would_hide_what_is_not_there(
    owner: TheOwner, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason why listing has none: with it the store answers 403 for a missing object, not 404."""
    user, policy = policy_user(owner), owner.role_policy()
    policy["Statement"][0]["Condition"] = {"StringLike": {"s3:prefix": ["vault/*"]}}
    user.allow(policy)
    store = opened(owner.url, owner.bucket, threads, monkeypatch, user.credentials)
    with pytest.raises(Unavailable):
        await store.get("check/nothing.json")
    user.allow(owner.role_policy())
    with pytest.raises(NotFound):
        await store.get("check/nothing.json")
    store.close()


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_the_bucket_policy_refuses_everybody_without_tls(
    owner: TheOwner, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over http the vault and even the owner are refused; over TLS the whole cycle passes under both policies."""
    user = policy_user(owner)
    user.allow(owner.role_policy())
    store = opened(owner.url, owner.bucket, threads, monkeypatch, user.credentials)
    await store.put("check/owner.json", b"before")
    owner.s3.put_bucket_policy(Bucket=owner.bucket, Policy=json.dumps(owner.bucket_policy()))
    with pytest.raises(Unavailable):
        await store.get("check/owner.json")
    with pytest.raises(Unavailable):
        await store.put("check/owner.json", b"after")
    with pytest.raises(ClientError, match="AccessDenied"):
        owner.s3.list_objects_v2(Bucket=owner.bucket)
    # The gateway believes anyone who ends TLS before it, as a load balancer would.
    store.client.meta.events.register("before-send.s3", over_tls)
    assert await store.get("check/owner.json") == b"before"
    await store.delete("check/owner.json")
    await whole_cycle(store)
    store.close()


def over_tls(request: Any, **_: object) -> None:
    """Say that the request came over TLS."""
    request.headers["X-Forwarded-Proto"] = "https"
