"""The page of the systems says of each what the adapter wants and what the system keeps."""

import re
from pathlib import Path

import pytest

from tests.crm.walk import BY_NAME
from vault.crm.requests import API_BASE

PAGE = (Path(__file__).parents[2] / "docs" / "hand-over-systems.md").read_text()
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_each_setting_is_explained(name):
    """The settings of the section are those of the adapter, and no other."""
    system = BY_NAME[name]
    told = set(re.findall(r"^\| `(\w+)` \|", SECTIONS[system.title], re.MULTILINE))
    expected = {field.name for field in system.settings_fields} - {API_BASE.name}
    assert told == (set() if name == "desk" else expected)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_each_scope_is_named(name):
    """Who makes the key or the client reads what it may."""
    system = BY_NAME[name]
    scopes = () if system.oauth is None or name == "desk" else system.oauth.scopes
    assert [scope for scope in scopes if f"`{scope}`" not in SECTIONS[system.title]] == []


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_the_table_says_how_each_is_reached(name):
    """A system with a static key has one in the table, one without says OAuth alone."""
    [row] = re.findall(rf"^\| `{name}` \|(.*)$", PAGE, re.MULTILINE)
    access = row.split("|")[0].strip()
    if name == "desk":
        access = re.findall(r"^\| `salesforce` \|(.*)$", PAGE, re.MULTILINE)[0].split("|")[0].strip()
    system = BY_NAME[name]
    assert ("OAuth" in access) == (system.oauth is not None)
    assert (access != "OAuth") == (system.key_field is not None)
