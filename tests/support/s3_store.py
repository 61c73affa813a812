"""An S3 store in a bucket of its own, on whichever server a test runs."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from vault.objects import s3_client
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads

#: The smallest part that S3 takes.
PART = 5 * 1024 * 1024


def s3_store(url: str, threads: Threads, *, versioned: bool) -> S3Store:
    """Make a bucket of its own, and a store on a prefix of it."""
    client = s3_client.connect(endpoint_url=url, region=None, connections=8)
    bucket = f"test-{secrets.token_hex(8)}"
    client.create_bucket(Bucket=bucket)
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return S3Store(client, bucket, "vault/", threads, part_size=PART, attempts=2, pause=0.01)


def read_versions(
    client: Any, bucket: str, *, may_go: Callable[[str], None] | None = None
) -> dict[str, bytes]:
    """Return what ``each_version`` yields."""
    return dict(each_version(client, bucket, may_go=may_go))


def each_version(
    client: Any, bucket: str, *, may_go: Callable[[str], None] | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield every version of every object, and delete markers as empty ones.

    A version that is deleted between the list and the read is left out; ``may_go`` raises if its key may not be.
    """
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            wanted = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
            try:
                body = client.get_object(**wanted)["Body"].read()
            except ClientError as error:
                # Ceph's answer for a version that is gone is that of a key that is gone.
                if may_go is None or error.response["Error"]["Code"] not in {"NoSuchVersion", "NoSuchKey"}:
                    raise
                may_go(version["Key"])
                continue
            yield f"{version['Key']}@{version['VersionId']}", body
        for marker in page.get("DeleteMarkers", []):
            yield f"{marker['Key']}@{marker['VersionId']} deleted", b""
