"""Two people change the same setting: the second one sees what differs, and replaces it only by sending it again."""

import re
from dataclasses import dataclass

import httpx
import pytest

from tests.support.console import sign_in
from tests.support.console_forms import forms_of
from tests.support.register_entries import put
from tests.support.tenant import Tenant
from tests.support.web_house import House


@dataclass(frozen=True)
class Setting:
    """A form with versions: its page, where it goes, and a field that both people change."""

    page: str
    action: str
    field: str
    first: str
    second: str
    #: The differences as the second one reads them: label, yours, current.
    told: tuple[str, str, str]


SETTINGS = {
    "consent policy": Setting(
        "/consent", "/consent", "mode", "tone", "announce",
        ("What parties are asked", "at least an announcement", "at least a tone"),
    ),
    "retention policy": Setting(
        "/retention/change", "/retention/preview", "classes.0.period", "5 years", "6 years",
        ("Period", "6 years", "5 years"),
    ),
    "record of processing": Setting(
        "/registers/record/change", "/registers/record", "controller.name", "First Limited", "Second Limited",
        ("Name", "Second Limited", "First Limited"),
    ),
}  # fmt: skip


def filled(page: httpx.Response, action: str) -> dict[str, str]:
    """Return what the form of a page would send."""
    (form,) = [one for one in forms_of(page.text) if one.action == action]
    choices = re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', page.text, re.DOTALL)
    # The reader takes the first choice with a value where the empty one is chosen.
    unset = [
        name
        for name, options in choices
        if 'value=""' in options and not re.search(r'"[^"]+" selected', options)
    ]
    return form.sent() | dict.fromkeys(unset, "")


def send(client: httpx.Client, base: str, one: Setting, form: dict[str, str], name: str) -> httpx.Response:
    """Send a form; a retention policy is set on the page of its preview."""
    sent = client.post(f"{base}{one.action}", data=form | {"name": name})
    if not one.action.endswith("/preview"):
        return sent
    assert sent.status_code == 200, sent.text
    return client.post(f"{base}/retention", data=filled(sent, f"{base}/retention") | {"name": name})


@pytest.mark.parametrize("name", SETTINGS)
def test_the_second_one_sees_what_differs(house: House, tenant: Tenant, name: str):
    """Theirs and the current value by label and in words, who set it and where it is; sent again, it replaces that."""
    one, base = SETTINGS[name], f"/console/accounts/{tenant.name}"
    put(tenant)
    ours, theirs = sign_in(house, tenant.name), sign_in(house, tenant.name)
    more = {"classes.0.class": "all", "classes.0.purpose": "quality", "classes.0.from": "call_end"}
    more = more | {"classes.0.at_end": "erase"} if one.field.startswith("classes") else {}
    forms = [
        filled(client.get(f"{base}{one.page}"), f"{base}{one.action}") | more for client in (theirs, ours)
    ]
    assert send(theirs, base, one, forms[0] | {one.field: one.first}, tenant.name).status_code == 303
    refused = send(ours, base, one, forms[1] | {one.field: one.second}, tenant.name)
    assert refused.status_code == 409
    page = refused.text
    title = "The fields have what you typed; version"
    assert title in page
    rows = re.findall(
        r'<tr><th scope="row"><a href="#field-([^"]+)">([^<]+)</a></th><td[^>]*>([^<]+)</td><td[^>]*>([^<]+)</td>',
        page,
    )
    assert rows == [(one.field, *one.told)]
    section = page[page.index(title) : page.index("newer-caption")]
    assert ">test</bdi>" in section
    link = re.search(r'<a href="([^"]+)">Leave mine, and show the current one</a>', section)
    assert link is not None
    current = ours.get(link[1])
    assert current.status_code == 200
    assert title not in current.text
    again = filled(refused, f"{base}{one.action}")
    assert again[one.field] == one.second
    assert send(ours, base, one, again | {"nonce": "again"}, tenant.name).status_code == 303
    stale = send(theirs, base, one, forms[0] | {"nonce": "stale", one.field: one.first}, tenant.name)
    assert (stale.status_code, title in stale.text) == (409, True)
