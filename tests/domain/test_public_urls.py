"""Addresses with the label of the cell, and where they may be made."""

import re
from pathlib import Path

import pytest

from vault.domain.public_urls import PublicUrls
from vault.web.http.cell_labels import take_label_off

ROOT = Path(__file__).parents[2]
CELL = PublicUrls(public_url="https://vault.example", cell="eu1")
ALONE = PublicUrls(public_url="https://vault.example")


def test_every_address_of_no_account_has_the_label():
    """And none has it in a vault that is the only one."""
    made = {
        urls.cell: [
            urls.link("t"), urls.doorway("t"), urls.prompt("t"), urls.privacy_page("t"), urls.webhook("twilio", "t"),
            urls.console("sign-in", "t"), urls.console("invitation", "t", origin="http://localhost"),
        ]
        for urls in (CELL, ALONE)
    }  # fmt: skip
    assert all(one.count("/eu1~t") == 1 for one in made["eu1"])
    assert [one.replace("eu1~", "") for one in made["eu1"]] == made[None]
    assert CELL.scim("a/b") == "https://vault.example/scim/v2/a%2Fb"


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/p/eu1~v1.a.b", "/p/v1.a.b"),
        ("/webhooks/twilio/eu1~conn_0/heard", "/webhooks/twilio/conn_0/heard"),
        ("/p/us1~v1.a.b", "/p/us1~v1.a.b"),
        ("/p/xeu1~v1", "/p/xeu1~v1"),
        ("/v1/accounts/eu1~acme/calls/eu1~1", "/v1/accounts/eu1~acme/calls/eu1~1"),
        ("/scim/v2/eu1~acme/Users", "/scim/v2/eu1~acme/Users"),
        ("/console/accounts/eu1~acme", "/console/accounts/eu1~acme"),
        ("/p/v1.a.b", "/p/v1.a.b"),
    ],
)
def test_only_the_own_label_is_taken_off(sent: str, seen: str):
    """Another cell's stays, and so does what a caller named below an account; without a label nothing is touched."""
    scope = {"path": sent}
    take_label_off(scope, CELL)
    assert scope["path"] == seen
    for urls in (ALONE, None):
        scope = {"path": sent}
        take_label_off(scope, urls)
        assert scope == {"path": sent}


def test_addresses_are_made_in_one_place():
    """An address that another module puts together would lack the label."""
    made = re.compile(r"(?:public_url|origin)\s*\}+/")
    places = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "vault").rglob("*")
        if path.suffix in {".py", ".html"} and made.search(path.read_text())
    }
    assert places == {"vault/domain/public_urls.py"}
