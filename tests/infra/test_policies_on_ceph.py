"""The policies of role and bucket on the Ceph gateway, which enforces both, by the vault's own store."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.infra.rgw import TheOwner, policy_user
from tests.infra.role_at_work import FORBIDDEN, opened, refused, whole_cycle
from vault.errors import NotFound, Unavailable
from vault.thread_pools import Threads

pytestmark = [pytest.mark.ceph, pytest.mark.xdist_group("ceph")]


@pytest.fixture
def owner(ceph: str) -> Iterator[TheOwner]:
    """The owner of a new bucket on the Ceph gateway, with what the template says of it."""
    made = TheOwner.of_new_bucket(ceph)
    yield made
    made.s3.close()


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
