"""An object store that speaks S3: moto's, in a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from tests.servers.fixtures import ACCESS_KEY, SECRET_KEY
from tests.servers.moto import moto_server

_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket, and what a node needs to reach it."""

    endpoint: str
    name: str = "rounds"

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of a node."""
        return {
            "VAULT_OBJECTS_URL": f"s3://{self.name}/vault?endpoint_url={self.endpoint}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": _REGION,
        }

    def make(self) -> None:
        """Make the bucket."""
        self._client().create_bucket(Bucket=self.name)

    def manifests(self) -> set[str]:
        """Return the ids of the recordings whose manifest lies in it."""
        pages = (
            self._client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.name, Prefix="vault/manifests/")
        )
        return {Path(one["Key"]).stem for page in pages for one in page.get("Contents", [])}

    def _client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=_REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )


@contextmanager
def moto_bucket(folder: Path) -> Iterator[Bucket]:
    """Run moto's server with an empty bucket to the end of the block."""
    with moto_server(folder) as url:
        bucket = Bucket(endpoint=url)
        bucket.make()
        yield bucket
