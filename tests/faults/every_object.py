"""Everything that lies in an object store, whether or not the server runs."""

from pathlib import Path

import boto3

from tests.faults.inside import files_below
from tests.faults.server import MortalVault
from tests.support.s3_store import read_versions


class Files:
    """Objects in a directory."""

    def __init__(self, server: MortalVault) -> None:
        self.root = server.data_dir / "objects"

    def everything(self) -> dict[str, bytes]:
        """Return every object, and whatever else lies there."""
        return read_below(self.root)


class Bucket:
    """Objects in a bucket that keeps every version."""

    def __init__(self, url: str, bucket: str) -> None:
        self.bucket = bucket
        self.client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")

    def everything(self) -> dict[str, bytes]:
        """Return every version of every object, and delete markers as empty ones."""
        return read_versions(self.client, self.bucket, may_go=_may_have_gone)


Objects = Files | Bucket


def read_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below the folder."""
    found: dict[str, bytes] = {}
    for name, path in files_below(folder).items():
        try:
            found[name] = path.read_bytes()
        except FileNotFoundError:
            _may_have_gone(name)
    return found


def _may_have_gone(name: str) -> None:
    """Allow that a running server replaces objects of accounts and of its log between list and read; no others."""
    assert "recordings/" not in name, name
    assert "manifests/" not in name, name
