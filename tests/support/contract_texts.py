"""The texts that bodies of the contract may hold."""

from collections.abc import Iterator
from typing import Any


def free_texts(contract: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield every text that a body may hold, but for moments and values of an enumeration."""
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            bodies = (
                operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            )
            for body in bodies.values():
                for name in texts_of(contract, body.get("schema", {}), ""):
                    yield method.upper(), path.removeprefix("/v1/accounts/{account}") or path, name


def texts_of(contract: dict[str, Any], schema: Any, name: str) -> Iterator[str]:
    """Yield the names of texts below a schema."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        schema = contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for one in [two for kind in ("anyOf", "oneOf", "allOf") for two in schema.get(kind, ())]:
        yield from texts_of(contract, one, name)
    closed = schema.keys() & {"enum", "const"} or schema.get("format") in {"date-time", "binary"}
    if schema.get("type") == "string" and name and not closed:
        yield name
    yield from texts_of(contract, schema.get("items"), f"{name}[]")
    yield from texts_of(contract, schema.get("additionalProperties"), f"{name}{{}}")
    for field, inner in schema.get("properties", {}).items():
        yield from texts_of(contract, inner, f"{name}.{field}".removeprefix("."))
