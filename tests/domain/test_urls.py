"""A URL that Python cannot take apart is a setting like any other wrong one, and no traceback."""

import pytest

from vault.domain.urls import split_url
from vault.errors import StartRefused
from vault.keyservice.location import parse_location as parse_root_key
from vault.objects.location import parse_location as parse_store
from vault.settings import read_settings


def test_what_cannot_be_taken_apart_has_no_parts() -> None:
    """It has no scheme and no host, so whoever wants one refuses it."""
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
