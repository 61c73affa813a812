"""A field whose absence is refused is marked as required, or its hint says when."""

import re
import secrets
from typing import Final

import httpx
import pytest

from tests.support.console import sign_in
from tests.support.console_forms import PageForm, forms_of
from tests.support.console_pages import PAGES
from tests.support.example_account import ExampleAccount, example_account
from tests.support.web_house import House
from tests.web.console.test_every_form import UNAUTHENTICATED, opened, valid

pytestmark = pytest.mark.xdist_group("console forms")
_INVALID: Final = 422
#: What a required field takes, by its kind.
_FILLED: Final = {
    "date": "2026-01-01",
    "datetime-local": "2026-01-01T10:00",
    "email": "kim@example.com",
    "url": "https://example.com/",
    "number": "1",
}


@pytest.fixture(scope="module")
def spent(house: House) -> ExampleAccount:
    """An account whose forms are sent, some of them successfully."""
    return example_account(house)


def unmarked(client: httpx.Client, form: PageForm, sent: dict[str, str]) -> set[str]:
    """Return the empty fields that the answer to a form refuses, and that were not said to be required."""
    answer = client.post(form.action, data=sent | {"nonce": secrets.token_hex(8)})
    assert answer.status_code != UNAUTHENTICATED
    if answer.status_code != _INVALID:
        return set()
    page, found = answer.text, set[str]()
    again = next((one for one in forms_of(page) if one.action == form.action), None)
    for one in again.fields if again is not None else ():
        if not (one.is_invalid and one.is_typed) or sent.get(one.name) or one.is_required:
            continue
        # Its message says "required" too, and comes too late.
        ids = [each for each in one.described_by.split() if each.startswith("hint-")]
        hints = [re.search(rf'id="{re.escape(each)}">([^<]*)<', page) for each in ids]
        if not any(hint and re.search("required|needed", hint[1], re.IGNORECASE) for hint in hints):
            found.add(one.name)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_field_that_must_be_filled_in_is_marked_before(house: House, spent: ExampleAccount, name: str):
    """As required, or its hint says when: whatever is chosen in the fields of choice."""
    found = dict[str, set[str]]()
    for form in forms_of(opened(sign_in(house, spent.tenant.name), spent, name)):
        if "multipart" in form.kind or spent.tenant.name not in form.action:
            continue
        required = {one.name for one in form.fields if one.is_required}
        typed = {one.name for one in form.fields if one.is_typed}
        sent = {key: one for key, one in valid(form, spent).items() if key in required or key not in typed}
        # What is required and has nothing typical gets what its kind of field takes.
        sent |= {
            one.name: _FILLED.get(one.kind, "filled in")
            for one in form.fields
            if one.name in required and not sent.get(one.name)
        }
        # The form before may have ended the session.
        client = sign_in(house, spent.tenant.name)
        choices = [(one.name, value) for one in form.fields for value in one.options]
        for key, value in [("", ""), *choices]:
            if lacking := unmarked(client, form, sent | {key: value}):
                found[f"{form.action.rpartition(spent.tenant.name)[2]} {key}={value}"] = lacking
    assert found == {}
