"""An S3 store in a bucket of its own, on whichever server a test runs."""

import secrets

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
