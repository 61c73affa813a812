"""Writes the API reference as Markdown from openapi.yaml: a page for each tag, and one with the schemas."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
INTRODUCTION = """# API reference

{description} Version {version} of the contract: [openapi.yaml](openapi.yaml), from which you can
[generate a client](../generate-a-client.md). A running vault shows the same at `/reference`.

- Send an [API key](../api-keys.md) as `Authorization: Bearer …`; each operation names the scope it needs.
- Every error is a problem document; [Errors](../errors.md) has the statuses and says what may be repeated.

| group | operations |
|---|---|
"""


def write_reference(contract: Json, folder: Path) -> list[str]:
    """Write the pages into a folder; return the names of their files."""
    folder.mkdir(parents=True, exist_ok=True)
    info = contract["info"]
    index = INTRODUCTION.format(description=info["description"], version=info["version"])
    names = []
    for tag in contract["tags"]:
        name = f"{tag['name'].replace(' ', '-')}.md"
        names.append(name)
        index += f"| [{tag['name'].capitalize()}]({name}) | {tag['description']} |\n"
        parts = [f"# {tag['name'].capitalize()}", tag["description"]]
        parts += [part for found in operations(contract, tag["name"]) for part in operation(contract, *found)]
        (folder / name).write_text("\n\n".join(parts) + "\n", "utf-8")
    index += "| [Schemas](schemas.md) | The JSON of requests and answers |\n"
    (folder / "index.md").write_text(index, "utf-8")
    parts = ["# Schemas", "The JSON of requests and answers, by name."]
    for name, schema in sorted(contract["components"]["schemas"].items()):
        parts += [f"## {name} {{ #{name.lower()} }}", schema.get("description", ""), fields(schema)]
    (folder / "schemas.md").write_text("\n\n".join(part for part in parts if part) + "\n", "utf-8")
    return ["index.md", *names, "schemas.md"]


def operations(contract: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    """Yield method, path and description of each operation of a tag."""
    for path, methods in contract["paths"].items():
        for method, described in methods.items():
            if tag in described.get("tags", ()):
                yield method.upper(), path, described


def operation(contract: Json, method: str, path: str, described: Json) -> Iterator[str]:
    """Yield the paragraphs of one operation."""
    yield f"## {described['summary']} {{ #{described['operationId']} }}"
    yield f'<div class="operation {method.lower()}" markdown>**{method}** `{path}`</div>'
    more = described.get("description", "").removeprefix(described["summary"]).lstrip(".:; ")
    yield from (" ".join(paragraph.split()) for paragraph in more.split("\n\n") if paragraph.strip())
    if described.get("parameters"):
        rows = [parameter(one) for one in described["parameters"]]
        yield table("parameter | in | type | meaning", rows)
    for kind, content in described.get("requestBody", {}).get("content", {}).items():
        yield f"**Body** `{kind}`: {type_of(content.get('schema', {}))}"
        yield from example(contract, content)
    yield table("status | answer", [answer(*found) for found in described["responses"].items()])


def parameter(described: Json) -> str:
    """Return the row of a parameter."""
    needed = "" if described.get("required") else ", optional"
    return (
        f"`{described['name']}` | {described['in']} | {type_of(described['schema'])}{needed} | "
        f"{one_line(described.get('description', ''))}"
    )


def answer(status: str, described: Json) -> str:
    """Return the row of a response."""
    kinds = [
        f"{type_of(content['schema'])} as `{kind}`" if content.get("schema", {}).get("$ref") else f"`{kind}`"
        for kind, content in described.get("content", {}).items()
    ]
    return f"{status} | {one_line(described['description'])}{': ' + ', '.join(kinds) if kinds else ''}"


def example(contract: Json, content: Json) -> Iterator[str]:
    """Yield the fields of a JSON body, so that a reader needs no second page."""
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    if name:
        yield fields(contract["components"]["schemas"][name])


def fields(schema: Json) -> str:
    """Return the table of an object's fields."""
    required = schema.get("required", ())
    rows = [
        f"`{name}` | {type_of(one)}{'' if name in required else ', optional'} | {one_line(one.get('description', ''))}"
        for name, one in schema.get("properties", {}).items()
    ]
    return table("field | type | meaning", rows) if rows else type_of(schema)


def type_of(schema: Json) -> str:
    """Return a type in words, with links to the schemas that it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](schemas.md#{name.lower()})"
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(type_of(one) for one in alternatives)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    kind = "bytes" if schema.get("format") == "binary" else schema.get("format", schema.get("type", "any"))
    return str(kind) + limits(schema)


def limits(schema: Json) -> str:
    """Return the bounds of a number or of a text's length."""
    least = schema.get("minimum", schema.get("minLength"))
    most = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if schema.get("type") == "string" else ""
    if most is None:
        return "" if least is None else f", from {least:g}"
    return f", at most {most:g}{unit}" if least is None else f", {least:g} to {most:g}{unit}"


def one_line(text: str) -> str:
    """Return a text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(heading: str, rows: list[str]) -> str:
    """Return a table."""
    line = "|".join("---" for _ in heading.split(" | "))
    return "\n".join([f"| {heading} |", f"|{line}|", *(f"| {row} |" for row in rows)])
