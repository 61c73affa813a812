"""The contract as generators and people need it, and as a running service serves it."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from tests.support.web_house import House
from vault.server.asgi import app_of
from vault.settings import read_settings
from vault.web.contract.examples import EXAMPLES


@pytest.fixture(scope="module")
def document(house: House) -> Any:
    """The document of a running service, as anybody can get it."""
    answer = house.client().get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield each operation with its name."""
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            yield f"{method.upper()} {path}", one


def test_it_is_what_the_repository_has(house: House, document: Any):
    """What is served is what the app says of itself, with the address of this vault."""
    assert document == house.app.openapi()
    assert document["servers"] == [{"url": house.app.state.hosting.public_url}]


def test_no_two_schemas_have_one_name(document: Any):
    """Titles are unique and have no module path, so a generator makes one class of each."""
    schemas = document["components"]["schemas"]
    titles = Counter(schema.get("title", name) for name, schema in schemas.items())
    assert [title for title, times in titles.items() if times > 1] == []
    assert [name for name in schemas if "__" in name or "-" in name] == []


def test_every_body_has_a_schema(document: Any):
    """Bytes are named as bytes: nothing is left for a generator to guess."""
    for name, one in operations(document):
        bodies = [one.get("requestBody", {}), *one["responses"].values()]
        contents = [content for body in bodies for content in body.get("content", {}).items()]
        for media_type, described in contents:
            schema = described.get("schema")
            assert schema is not None, (name, media_type)
            if media_type.startswith("audio/"):
                assert schema == {"type": "string", "format": "binary"}, name


def test_every_operation_says_what_it_does_and_who_may(document: Any):
    """A summary in words and a known tag; a scope or another way to prove who calls, or nobody is asked."""
    schemes = set(document["components"]["securitySchemes"])
    tags = {tag["name"] for tag in document["tags"]}
    public = set()
    for name, one in operations(document):
        assert one["summary"] != one["operationId"].replace("_", " ").title(), name
        assert set(one["tags"]) <= tags, name
        unnamed = [one["name"] for one in one.get("parameters", []) if not one.get("description")]
        assert unnamed == [], name
        used = {scheme for entry in one["security"] for scheme in entry}
        assert used <= schemes, name
        if not used:
            public.add(one["operationId"])
        if used == {"ApiKey"} and "{account}" in name:
            assert "Needs the scope" in one["description"], name
    assert public == {
        "get_public_prompt", "get_checkpoint", "get_consistency", "get_log_key", "get_link", "open_link",
        "get_event_keys", "healthz", "readyz", "metrics", "get_privacy_page", "get_privacy_page_in", "show_doorway",
        "enter_doorway",
    }  # fmt: skip


def test_audio_is_described_with_its_ranges(document: Any):
    """Every route that serves recorded audio has 206 and 304, and takes Range."""
    for path in (
        "/v1/accounts/{account}/recordings/{recording}/audio", "/s/{session}/audio", "/s/{session}/download",
        "/p/{token}",
    ):  # fmt: skip
        one = document["paths"][path]["get"]
        assert {"200", "206", "304"} <= set(one["responses"]), path
        assert "Content-Range" in one["responses"]["206"]["headers"]
        assert {"Range", "If-Range", "If-None-Match"} <= {
            parameter["name"] for parameter in one["parameters"]
        }


def test_repeatable_posts_take_an_idempotency_key(house: House, document: Any):
    """Where the header has an effect it is described, and nowhere else: seen by asking."""
    taking = {
        one["operationId"]
        for _, one in operations(document)
        if any(parameter["name"] == "Idempotency-Key" for parameter in one.get("parameters", []))
    }
    assert {"post_link", "post_key", "post_notice", "post_consent", "post_key_rotation"} <= taking
    headers = {"Idempotency-Key": "described"}
    body = {"name": "described", "scopes": ["ingest"]}
    made = [house.admin.post("/v1/keys", json=body, headers=headers).json()["id"] for _ in range(2)]
    assert made[0] == made[1]


def test_dead_links_are_described_as_the_pages_they_are(house: House, document: Any):
    """What a person meets is HTML, in the contract and in fact."""
    for path, method, asked in (
        ("/p/{token}", "get", "/p/nothing"), ("/s/{session}", "get", "/s/nothing"),
        ("/p/{token}/open", "post", "/p/nothing/open"),
    ):  # fmt: skip
        assert list(document["paths"][path][method]["responses"]["4XX"]["content"]) == ["text/html"]
        answer = house.client().request(method.upper(), asked)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/html")


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_an_example_is_one(model: type[BaseModel]):
    """The model reads the example, and knows each of its fields."""
    example = EXAMPLES[model]
    read = model.model_validate(example)
    known = {field.alias or name for name, field in model.model_fields.items()}
    assert set(example) <= known
    assert read.model_dump(exclude_unset=True)


def test_the_reference_shows_every_operation_and_schema(house: House, document: Any):
    """The page has a place for each, and every reference within it leads somewhere."""
    answer = house.client().get("/reference")
    assert answer.headers["content-type"].startswith("text/html")
    # A field is called description; no element and no address of a script begins a word.
    assert re.search(r"\bscript|javascript", answer.text) is None
    anchors = set(answer.text.split('id="')[1:])
    places = {anchor.split('"')[0] for anchor in anchors}
    assert {one["operationId"] for _, one in operations(document)} <= places
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= places
    wanted = {part.split('"')[0] for part in answer.text.split('href="#')[1:]}
    assert wanted <= places


async def test_an_operator_can_switch_it_off():
    """With VAULT_REFERENCE=off a stranger gets neither the document nor the page."""
    off, on = (app_of(read_settings({"VAULT_REFERENCE": value}), worker=False) for value in ("off", "on"))
    for path in ("/openapi.json", "/reference"):
        for app, status in ((off, 404), (on, 200)):
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://v") as client:
                assert (await client.get(path)).status_code == status
