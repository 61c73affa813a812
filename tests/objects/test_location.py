"""Which store a URL names."""

from pathlib import Path

import pytest

from vault.errors import StartRefused, Unavailable
from vault.keyservice.location import open_own_keys, open_root_key
from vault.objects.directory import DirectoryStore
from vault.objects.location import DirectoryLocation, S3Location, open_store, parse_location
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("file:///var/lib/vault", DirectoryLocation(path=Path("/var/lib/vault"))),
        ("file:///with%20space", DirectoryLocation(path=Path("/with space"))),
        ("s3://bucket", S3Location(bucket="bucket", prefix="")),
        ("s3://bucket/", S3Location(bucket="bucket", prefix="")),
        (
            "s3://bucket/a/b/?region=eu-central-1",
            S3Location(bucket="bucket", prefix="a/b/", region="eu-central-1"),
        ),
        (
            "s3://bucket/p?endpoint_url=http://127.0.0.1:9000&region=",
            S3Location(bucket="bucket", prefix="p/", endpoint_url="http://127.0.0.1:9000"),
        ),
        ("s3://bucket?lock_days=3650", S3Location(bucket="bucket", prefix="", lock_days=3650)),
        ("s3://bucket?lock_days=0", S3Location(bucket="bucket", prefix="")),
    ],
)
def test_a_url_names_a_store(url: str, location: DirectoryLocation | S3Location) -> None:
    """A URL is taken apart into a directory, or a bucket with prefix, endpoint and region."""
    assert parse_location(url) == location


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/var/lib/vault",
        "file://relative/path",
        "file:///path?x=1",
        "http://bucket",
        "s3://",
        "s3:///prefix",
        "s3://access:hunter2@bucket/prefix",
        "s3://bucket/../other",
        "s3://bucket/a b",
        "s3://bucket?endpoint=http://hunter2",
        "s3://bucket?endpoint_url=host:9000",
        "s3://bucket?endpoint_url=https://access:hunter2@host",
        "s3://bucket#hunter2",
        "s3://bucket?lock_days=",
        "s3://bucket?lock_days=-1",
        "s3://bucket?lock_days=1e3",
        "s3://bucket?lock_days=36526",
        "s3://bucket?lock_days=" + "9" * 5000,
    ],
)
def test_a_wrong_url_refuses_the_start_without_being_repeated(url: str) -> None:
    """What cannot be meant is refused, and a password that was in it is not in the message."""
    with pytest.raises(StartRefused) as refused:
        parse_location(url)
    assert "hunter2" not in str(refused.value)
    assert "bucket" in str(refused.value) or "prefix" in str(refused.value)


async def test_a_store_is_opened(tmp_path: Path, aws_credentials: None) -> None:
    """file:// opens a directory and s3:// a bucket on the endpoint that the URL names."""
    threads = Threads("test", 1)
    assert isinstance(await open_store(f"file://{tmp_path}/objects", threads), DirectoryStore)
    store = await open_store("s3://bucket/p?endpoint_url=http://127.0.0.1:9&region=eu-west-1", threads)
    assert isinstance(store, S3Store)
    assert store.client.meta.endpoint_url == "http://127.0.0.1:9"
    assert (store.bucket, store.prefix, store.client.meta.region_name) == ("bucket", "p/", "eu-west-1")
    store.close()
    threads.close()


async def test_an_endpoint_of_the_environment_is_checked_too(
    monkeypatch: pytest.MonkeyPatch, aws_credentials: None
) -> None:
    """boto3 finds endpoints by itself; plain http to another host is refused there as in the URL."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    threads = Threads("test", 1)
    with pytest.raises(StartRefused, match="VAULT_PLAIN_HTTP_ALLOW"):
        await open_store("s3://bucket/p", threads)
    with pytest.raises(StartRefused, match="VAULT_PLAIN_HTTP_ALLOW"):
        open_root_key("aws-kms://key", threads)
    own = open_own_keys("aws-kms://", threads)
    with pytest.raises(Unavailable, match="VAULT_PLAIN_HTTP_ALLOW"):
        await own.named("arn:aws:kms:eu-west-1:111122223333:key/1234")
    store = await open_store("s3://bucket/p", threads, plain_http=("minio:9000",))
    assert isinstance(store, S3Store)
    store.close()
    threads.close()
