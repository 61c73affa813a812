"""The REST contract differs from that of an earlier commit only by what the changelog names."""

import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fast_yaml import load_yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OLD = sorted(HERE.glob("*.yaml.xz"))
METHODS = {"get", "put", "post", "patch", "delete"}
#: Descriptions that hold for every operation.
EVERY = "every operation"
#: Words for people, which may change in any release.
WORDS = {"description", "title", "summary", "example", "examples", "operationId", "tags"}
#: An operation or schema, and what of it is other than it was.
Difference = tuple[str, str]


def read(path: Path) -> dict[str, Any]:
    """Read a contract, packed or not."""
    body = path.read_bytes()
    found: dict[str, Any] = load_yaml(lzma.decompress(body) if path.suffix == ".xz" else body)
    return found


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    """Yield what is other in the new contract, operations before schemas."""
    before, after = operations(old), operations(new)
    yield from ((name, "operation") for name in before.keys() ^ after.keys())
    for name in before.keys() & after.keys():
        yield from of_operation(name, before[name], after[name])
    schemas = old["components"]["schemas"], new["components"]["schemas"]
    yield from ((name, "schema") for name in schemas[0].keys() ^ schemas[1].keys())
    for name in schemas[0].keys() & schemas[1].keys():
        yield from of_schema(name, schemas[0][name], schemas[1][name])


def operations(contract: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def of_operation(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    """Yield what is other in one operation."""
    parameters = [{one["name"]: plain(one) for one in side.get("parameters", [])} for side in (old, new)]
    yield from ((name, one) for one in different(*parameters))
    bodies = [plain(side.get("requestBody", {})).get("content", {}) for side in (old, new)]
    yield from ((name, one) for one in different(*bodies))
    for status in old["responses"].keys() | new["responses"].keys():
        if status not in old["responses"] or status not in new["responses"]:
            yield name, status
            continue
        contents = [plain(side["responses"][status]).get("content", {}) for side in (old, new)]
        error = status in {"4XX", "5XX"}
        yield from ((EVERY if error else name, "Problem" if error else one) for one in different(*contents))
    schemes = [{scheme for one in side.get("security", []) for scheme in one} for side in (old, new)]
    yield from ((name, scheme) for scheme in schemes[0] ^ schemes[1])


def of_schema(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    """Yield the fields of one schema that are other."""
    yield from ((name, one) for one in different(*(plain(side.get("properties", {})) for side in (old, new))))
    yield from ((name, one) for one in {*old.get("required", [])} ^ {*new.get("required", [])})
    rest = [
        {key: value for key, value in side.items() if key not in {"properties", "required"}}
        for side in (old, new)
    ]
    yield from ((name, one) for one in different(*map(plain, rest)))


def different(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the keys that only one has, or whose values are not equal."""
    return [key for key in {**old, **new} if (key in old, old.get(key)) != (key in new, new.get(key))]


def plain(value: Any) -> Any:
    """Leave out the words for people; a field may have any of their names."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: plain(one)
        for key, one in value.items()
        if not (key in WORDS and (isinstance(one, str) or key in {"examples", "tags"}))
    }


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.name.partition(".")[0])
def test_every_difference_is_named_in_the_changelog(old: Path) -> None:
    """A line of a table of the changelog names the operation or schema, and what of it is other."""
    rows = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("| ")]
    named = [set(re.findall(r"`([^`]+)`", row)) | {EVERY for _ in [0] if EVERY in row} for row in rows]
    found = set(differences(read(old), read(ROOT / "openapi" / "openapi.yaml")))
    missing = [one for one in found if not any({one[0]} <= names and fits(one[1], names) for names in named)]
    assert sorted(missing) == []


def fits(what: str, names: set[str]) -> bool:
    """Say whether a row names it; an operation or schema is named by standing in the row."""
    return what in names or what in {"operation", "schema"}


def test_a_difference_is_seen() -> None:
    """A field that goes, one that becomes required, a status and a parameter are each a difference."""
    first = HERE / "8cda592.yaml.xz"
    assert set(differences(read(first), read(ROOT / "openapi" / "openapi.yaml")))
    old, new = read(first), read(first)
    new["components"]["schemas"]["LinkIn"]["properties"].pop("networks")
    new["components"]["schemas"]["SwitchIn"]["required"].append("reason")
    operation = new["paths"]["/v1/accounts/{account}"]["get"]
    operation["responses"]["418"] = {"description": "A teapot"}
    operation["parameters"].append({"name": "tea", "in": "query", "schema": {"type": "string"}})
    assert set(differences(old, read(first))) == set()
    name = "GET /v1/accounts/{account}"
    wanted = {("LinkIn", "networks"), ("SwitchIn", "reason"), (name, "418"), (name, "tea")}
    assert set(differences(old, new)) == wanted
