"""Rows of the form of a sign-in provider: who gets which role, what is wrong in a row, and more rows."""

import re
from collections.abc import Mapping
from typing import Final

import httpx
import pytest

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.domain.accounts.roles import ACCOUNT_ROLES

_FIELDS: Final = {
    "title": "own",
    "issuer": "https://id.example",
    "client_id": "vault",
    "client_secret": "s3cret-of-ours",
    "scopes": "openid",
    "claim": "groups",
}


@pytest.fixture
def form(house: House, tenant: Tenant) -> tuple[httpx.Client, str, dict[str, str]]:
    """A session of the operator, the address of the form, and the form filled in without a row."""
    client = sign_in(house, None)
    path = f"/console/accounts/{tenant.name}/access/sign-in"
    return client, path, form_of(client.get(f"{path}/new"), path) | _FIELDS


def wrongs(page: httpx.Response) -> list[tuple[str, str]]:
    """Return the places of what is wrong, and its texts."""
    return re.findall(r'<span class="wrong"[^>]* id="([^"]+)">(.*?)</span>', page.text)


def test_the_form_offers_and_explains_the_roles_of_an_account(form: tuple[httpx.Client, str, dict[str, str]]):
    """The operator's role is not among them: REST takes it from nobody."""
    client, path, _ = form
    page = client.get(f"{path}/new").text
    found = re.search(r'<select id="field-roles\.0\.role".*?</select>', page, re.DOTALL)
    assert found is not None
    assert re.findall(r'value="([^"]*)"', found[0]) == list(ACCOUNT_ROLES)
    assert "Reads the access log, evidence and registers. Hears nothing and changes nothing." in page


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"value": "x", "role": "operator"}, "wrong-roles.1.role"),
        ({"value": "", "role": "listener", "agents": "Kim"}, "wrong-roles.1.value"),
        ({"value": "x", "role": "admin", "agents": "Kim"}, "wrong-roles.1.agents"),
        ({"value": "x", "role": "listener", "agents": "Kim\n" + "L" * 500}, "wrong-roles.1.agents"),
    ],
)
def test_what_is_wrong_stands_once_at_its_row(
    form: tuple[httpx.Client, str, dict[str, str]], row: Mapping[str, str], wrong: str
):
    """An empty row before it moves nothing, and a row with agents alone is not lost."""
    client, path, fields = form
    fields |= {"roles.0.value": "staff", "roles.0.role": "listener", "roles.1.role": "listener"}
    sent = client.post(path, data=fields | {f"roles.3.{name}": text for name, text in row.items()})
    assert (sent.status_code, [one for one, _ in wrongs(sent)]) == (422, [wrong]), wrongs(sent)
    for name, text in row.items():
        assert f'name="roles.1.{name}"' in sent.text
        assert text[:20] in sent.text


def test_a_form_gets_more_rows_and_keeps_what_was_typed(form: tuple[httpx.Client, str, dict[str, str]]):
    """Eight empty rows in place of four; nothing is asked of the provider, and nothing is stored."""
    client, path, fields = form
    fields |= {"roles.3.value": "staff", "roles.3.role": "auditor", "issuer": "https://127.0.0.1"}
    more = client.post(f"{path}/test", data=fields | {"more": "1"})
    assert more.status_code == 200
    assert len(re.findall(r'name="roles\.\d+\.value"', more.text)) == 9
    assert 'name="roles.0.value" type="text" value="staff"' in more.text
    assert '<option value="auditor" selected>' in more.text
    assert 'value="s3cret-of-ours"' in more.text
    assert "What the provider answers" not in more.text


def test_the_days_of_usage_are_said_to_be_utc(house: House, tenant: Tenant):
    """Days are not moments: they are counted in UTC, and each place that names one says so."""
    page = sign_in(house, tenant.name).get(f"/console/accounts/{tenant.name}/usage").text
    assert ">From day (UTC)</th>" in page
    assert re.search(r"<h2[^>]*>From <time[^>]*>.*, days in UTC</h2>", page)
