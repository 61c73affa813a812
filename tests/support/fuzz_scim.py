"""What is fuzzed of SCIM: filters, users and the operations of a PATCH."""

import json
from typing import Any

from vault.domain.sign_in.scim.attributes import MAX_VALUES, USER, read_resource
from vault.domain.sign_in.scim.filters import parse_filter
from vault.domain.sign_in.scim.patch import URN, Patch
from vault.domain.sign_in.scim.refusals import ScimInvalid
from vault.domain.strict_json import read_object

_KEPT = {"userName": "ada", "active": False, "emails": [{"value": "a@acme.example", "type": "work"}]}
_PATCH = Patch(schema=USER, resource_id="pusr_0", most=MAX_VALUES)
_ATTRIBUTES = {one.name for one in USER.attributes}


def scim(data: bytes) -> None:
    """Read data as each of them: what is taken has attributes that are kept, with values of their kinds."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        found = parse_filter(text, {"username", "active"}, USER.urn)
        assert {one.attribute for one in found} <= {"username", "active"}
    except ScimInvalid:
        pass
    for operation in ({"op": "add", "path": text, "value": "x"}, {"op": "replace", "value": {text: "x"}}):
        _patched({"schemas": [URN], "Operations": [operation]})
    try:
        body = read_object(data, len(data))
    except ValueError:
        return
    _patched(body)
    try:
        _check(read_resource(USER, body))
    except ScimInvalid:
        return


def _patched(body: dict[str, Any]) -> None:
    try:
        _check(_PATCH.apply(dict(_KEPT), body))
    except ScimInvalid:
        return


def _check(resource: dict[str, Any]) -> None:
    assert resource.keys() <= _ATTRIBUTES
    assert resource["userName"].strip()
    assert isinstance(resource.get("active", True), bool)
    assert len(resource.get("emails", ())) <= MAX_VALUES
    assert sum(bool(one.get("primary")) for one in resource.get("emails", ())) <= 1
    json.dumps(resource).encode()


SEEDS = (
    b'userName eq "ada@acme.example" and active eq true',
    b'emails[type eq "work"].value',
    json.dumps({"schemas": [USER.urn], **_KEPT}).encode(),
    json.dumps(
        {
            "schemas": [URN],
            "Operations": [
                {"op": "Replace", "path": "active", "value": "False"},
                {"op": "add", "value": {"name.givenName": "Ada", 'emails[type eq "home"].primary': True}},
                {"op": "remove", "path": 'emails[value eq "a@acme.example"]'},
            ],
        }
    ).encode(),
)
