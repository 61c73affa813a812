"""A URL that Python cannot take apart is a setting like any other wrong one, and no traceback."""

import pytest

from vault.domain.urls import refuse_plain_http, split_url
from vault.errors import StartRefused
from vault.keyservice.location import parse_location as parse_root_key
from vault.objects.location import parse_location as parse_store
from vault.settings import read_settings


def test_what_cannot_be_taken_apart_has_no_parts() -> None:
    """It has no scheme and no host, so anyone who wants one refuses it."""
    assert (split_url("http://[").scheme, split_url("http://[").hostname) == ("", None)
    assert split_url("http://[::1]:1/a?b#c").hostname == "::1"


@pytest.mark.parametrize(
    "refuse",
    [
        lambda: parse_store("s3://["),
        lambda: parse_store("s3://bucket/prefix?endpoint_url=http://["),
        lambda: parse_root_key("aws-kms://key?endpoint_url=http://["),
        lambda: read_settings({"VAULT_PUBLIC_URL": "http://["}),
        lambda: read_settings({"VAULT_TRACING_URL": "http://["}),
    ],
)
def test_a_setting_with_such_a_url_refuses_to_start(refuse) -> None:
    """Found by `make fuzz`: they let a ValueError out."""
    with pytest.raises(StartRefused):
        refuse()


_PLAIN = [
    lambda plain_http: parse_store("s3://bucket/p?endpoint_url=http://minio:9000", plain_http=plain_http),
    lambda plain_http: parse_store("s3://bucket/p?endpoint_url=HTTP://MinIO:9000", plain_http=plain_http),
    lambda plain_http: parse_root_key("aws-kms://key?endpoint_url=http://minio:9000", plain_http=plain_http),
    lambda plain_http: parse_root_key("openbao://minio:9000/transit/k?tls=off", plain_http=plain_http),
]


@pytest.mark.parametrize("parse", _PLAIN)
def test_plain_http_to_another_host_is_refused_unless_allowed(parse) -> None:
    """Keys and recordings do not cross a network in clear, unless the operator says so of this host and port."""
    for allowed in ((), ("minio:9001",), ("minio:80", "other:9000")):
        with pytest.raises(StartRefused, match="VAULT_PLAIN_HTTP_ALLOW"):
            parse(allowed)
    assert parse(("other:1", "Minio:9000"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8:9000", "[::1]:9000", "localhost:9000"])
def test_plain_http_within_this_machine_is_taken(host: str) -> None:
    """A proxy beside the vault, and every test."""
    refuse_plain_http(f"http://{host}", ())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.example",
        "localhost.example",
        "10.0.0.1",
        "[fd00::1]:9000",
        "0.0.0.0",
        "x@127.0.0.2.example",
    ],
)
def test_plain_http_elsewhere_is_not_taken_for_this_machine(host: str) -> None:
    """Names that begin like a loopback address, and private networks."""
    with pytest.raises(StartRefused, match="plain http"):
        refuse_plain_http(f"http://{host}", ())


def test_ports_of_plain_http_are_compared() -> None:
    """Without a port it is 80; an IPv6 address has brackets."""
    refuse_plain_http("http://minio/", ("minio:80",))
    refuse_plain_http("http://[fd00::1]:9000", ("[fd00::1]:9000",))


@pytest.mark.parametrize(
    "wrong", ["minio", "http://minio:9000", "minio:9000/x", "*", "true", "minio:0", "a:1,b"]
)
def test_a_list_of_hosts_is_checked(wrong: str) -> None:
    """A slip does not go unnoticed: it would allow nothing."""
    with pytest.raises(StartRefused, match="VAULT_PLAIN_HTTP_ALLOW must be"):
        read_settings({"VAULT_PLAIN_HTTP_ALLOW": wrong})
    assert read_settings({"VAULT_PLAIN_HTTP_ALLOW": "a:1, [::2]:3"}).plain_http_allow == ("a:1", "[::2]:3")
