"""Which root key a URL names, and what opens it."""

from pathlib import Path

import pytest

from vault.errors import StartRefused
from vault.keyservice.location import (
    FileLocation,
    KmsLocation,
    Location,
    OpenBaoLocation,
    open_root_key,
    parse_location,
)
from vault.thread_pools import Threads

CONTEXT = {"account_id": "acc_1", "purpose": "account-key"}


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("file:///a/root.key", FileLocation(path=Path("/a/root.key"))),
        ("aws-kms://alias/vault?region=eu-west-1", KmsLocation(key_id="alias/vault", region="eu-west-1")),
        (
            "aws-kms://arn:aws:kms:eu-west-1:111122223333:key/1234?endpoint_url=https://kms.internal:8443",
            KmsLocation(
                key_id="arn:aws:kms:eu-west-1:111122223333:key/1234",
                endpoint_url="https://kms.internal:8443",
            ),
        ),
        (
            "openbao://bao.example/transit/callvault",
            OpenBaoLocation(host="bao.example", port=8200, mount="transit", key="callvault"),
        ),
        (
            "openbao://[::1]:8100/team/keys/call-vault.1?token_file=/run/a%20b&ca=/etc/ca.pem&namespace=team/a&tls=on",
            OpenBaoLocation(
                host="::1",
                port=8100,
                mount="team/keys",
                key="call-vault.1",
                token_file=Path("/run/a b"),
                ca=Path("/etc/ca.pem"),
                namespace="team/a",
            ),
        ),
        (
            "openbao://localhost:8100/transit/k?tls=off",
            OpenBaoLocation(host="localhost", port=8100, mount="transit", key="k", tls=False),
        ),
        (
            "openbao://127.0.0.2/transit/k?tls=off",
            OpenBaoLocation(host="127.0.0.2", port=8200, mount="transit", key="k", tls=False),
        ),
    ],
)
def test_a_url_names_a_root_key(url: str, location: Location) -> None:
    """A URL is taken apart into a file, a KMS key with endpoint and region, or a key of a transit engine."""
    assert parse_location(url) == location


@pytest.mark.parametrize(
    "url",
    [
        "",
        "root.key",
        "file://root.key",
        "file:///a?x=hunter2",
        "aws-kms://",
        "aws-kms://u:hunter2@key",
        "aws-kms://key?token=hunter2",
        "aws-kms://key?endpoint_url=hunter2",
        "openbao://",
        "openbao://:8200/transit/k",
        "openbao://hunter2@bao.example/transit/k",
        "openbao://bao.example:hunter2/transit/k",
        "openbao://bao.example:99999/transit/k",
        "openbao://bao.example",
        "openbao://bao.example/",
        "openbao://bao.example/hunter2",
        "openbao://bao.example/transit/",
        "openbao://bao.example//hunter2",
        "openbao://bao.example/transit/../hunter2",
        "openbao://bao.example/transit/hunter2%2Fx",
        "openbao://bao.example/transit/k#hunter2",
        "openbao://bao.example/transit/k?token=hunter2",
        "openbao://bao.example/transit/k?token_file=hunter2",
        "openbao://bao.example/transit/k?ca=hunter2",
        "openbao://bao.example/transit/k?namespace=a/../hunter2",
        "openbao://bao.example/transit/k?tls=hunter2",
        "openbao://hunter2.example/transit/k?tls=off",
        "openbao://10.0.0.1/hunter2/k?tls=off",
    ],
)
def test_a_wrong_url_refuses_the_start_without_being_repeated(url: str) -> None:
    """What cannot be meant is refused, and nothing of its values is in the message."""
    with pytest.raises(StartRefused) as refused:
        parse_location(url)
    assert "hunter2" not in str(refused.value)


async def test_a_root_key_is_made_only_on_request(tmp_path: Path) -> None:
    """open_root_key makes a missing file with create, loads an existing one, and refuses without."""
    threads = Threads("test", 1)
    url = f"file://{tmp_path}/root.key"
    with pytest.raises(StartRefused):
        open_root_key(url, threads)
    wrapped = await open_root_key(url, threads, create=True).wrap(b"s", CONTEXT)
    assert await open_root_key(url, threads, create=True).unwrap(wrapped, CONTEXT) == b"s"
    assert await open_root_key(url, threads).unwrap(wrapped, CONTEXT) == b"s"
    threads.close()
