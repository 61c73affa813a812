"""The contract as served: the OpenAPI document as JSON and as an HTML page."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape

from vault.web.http.html import page
from vault.web.http.idempotency import answer_json

router = APIRouter(include_in_schema=False)
#: It is the same for everybody and only an upgrade changes it.
CACHED = {"Cache-Control": "public, max-age=300"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation on the page."""

    method: str
    path: str
    described: dict[str, Any]
    #: JSON examples, by title.
    examples: dict[str, str]

    @property
    def anchor(self) -> str:
        """Return its anchor on the page."""
        return str(self.described["operationId"])

    @property
    def more(self) -> list[str]:
        """Return the paragraphs of the description without the summary sentence."""
        whole = self.described.get("description", "").removeprefix(self.described["summary"])
        return [paragraph for paragraph in whole.lstrip(".:; ").split("\n\n") if paragraph]


@router.get("/openapi.json", response_class=Response)
async def get_contract(request: Request) -> Response:
    """Serve the OpenAPI document."""
    document, _page = await _contract_of(request)
    return answer_json(document, headers=CACHED)


@router.get("/reference", response_class=Response)
async def get_reference(request: Request) -> Response:
    """Serve the HTML page."""
    _document, shown = await _contract_of(request)
    return Response(shown.body, media_type="text/html", headers=dict(shown.headers) | CACHED)


async def _contract_of(request: Request) -> tuple[bytes, Response]:
    """Return the document as JSON and as a page, generated once, in a thread, because it takes half a second."""
    state = request.app.state
    if not hasattr(state, "contract"):
        state.contract = await asyncio.to_thread(_make, request.app.openapi)
    made: tuple[bytes, Response] = state.contract
    return made


def _make(describe: Callable[[], dict[str, Any]]) -> tuple[bytes, Response]:
    document = describe()
    groups = {tag["name"]: list(_operations(document, tag["name"])) for tag in document["tags"]}
    shown = page("reference.html", document=document, groups=groups, type_of=type_of)
    return json.dumps(document).encode(), shown


def _operations(document: dict[str, Any], tag: str) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            if tag in described["tags"]:
                yield Operation(
                    method=method.upper(),
                    path=path,
                    described=described,
                    examples=dict(_examples(document, described)),
                )


def _examples(document: dict[str, Any], described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    bodies = {"Request": described.get("requestBody", {})} | {
        f"Answer {status}": answer
        for status, answer in described["responses"].items()
        if status.startswith("2")
    }
    for title, body in bodies.items():
        for content in body.get("content", {}).values():
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            for example in document["components"]["schemas"].get(name, {}).get("examples", []):
                yield title, json.dumps(example, indent=2, ensure_ascii=False)


def type_of(schema: dict[str, Any]) -> Markup:
    """Return a schema's type as HTML, with links to the schemas that it references."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return Markup(" or ").join(type_of(alternative) for alternative in alternatives)
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return Markup("list of {}").format(type_of(schema.get("items", {})))
    kind = "bytes" if schema.get("format") == "binary" else schema.get("format", schema.get("type", "any"))
    return escape(kind + _limits(schema))


def _limits(schema: dict[str, Any]) -> str:
    least, most = (
        schema.get("minimum", schema.get("minLength")),
        schema.get("maximum", schema.get("maxLength")),
    )
    unit = " characters" if schema.get("type") == "string" else ""
    if most is None:
        return "" if least is None else f", from {least}"
    return f", at most {most}{unit}" if least is None else f", {least} to {most}{unit}"
