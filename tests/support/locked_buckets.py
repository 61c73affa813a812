"""Buckets with object locks, and policies that deny something of them."""

import json
import secrets

from vault.objects import s3_client
from vault.objects.s3 import S3Store


def bucket(url: str, *, lock: bool) -> str:
    """Make a bucket."""
    name = f"lock-{secrets.token_hex(8)}"
    client = s3_client.connect(endpoint_url=url, region=None, connections=1)
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    client.close()
    return name


def deny(store: S3Store, *actions: str) -> None:
    """Deny everybody some actions on the objects of the bucket."""
    objects = f"arn:aws:s3:::{store.bucket}/*"
    statement = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": objects}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    store.client.put_bucket_policy(Bucket=store.bucket, Policy=policy)
