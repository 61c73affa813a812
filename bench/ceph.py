"""The Ceph object gateway, as the tests start it: a real S3 server for the parts that need one."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ceph import INSTALL, PROGRAMS, ceph_gateway

BUCKET = "bench"


@contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """Start a gateway with an empty bucket, put its credentials where boto3 finds them, and yield its URL.

    Raises FileNotFoundError, which says how to get what is missing.
    """
    if any(shutil.which(program) is None for program in PROGRAMS):
        raise FileNotFoundError(INSTALL)
    made = {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in made}
    with ceph_gateway(folder, made["AWS_ACCESS_KEY_ID"], made["AWS_SECRET_ACCESS_KEY"]) as url:
        os.environ |= made
        try:
            yield url
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
