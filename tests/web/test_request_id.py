"""Every answer has an id of its own, which stands in the lines that were logged for it."""

import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.web_house import House
from vault.structured_log import JsonFormatter, Log
from vault.web.middleware.request_limits import RequestLimits

_ID = re.compile(r"http_[0-9a-f]{32}")
#: A number, which must not come into a log.
_SENT = {"X-Request-Id": "+33612345678"}


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Lines as they are written, at the moment when they are."""
    found = list[str]()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler = Handler()
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("test.request_id")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(handler)


async def test_the_lines_of_a_request_have_the_id_of_its_answer(lines: list[str]):
    """Also beside another request, and never the id that a client sent."""
    log = Log("test.request_id")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        log.info("test.asked")
        await Response("done")(scope, receive, send)

    transport = httpx.ASGITransport(app=RequestLimits(app, secure=False))
    async with httpx.AsyncClient(transport=transport, base_url="http://vault.example") as client:
        answers = [await client.get("/", headers=_SENT) for _ in range(2)]
    log.info("test.outside")
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert all(map(_ID.fullmatch, ids))
    assert [json.loads(line).get("http_request") for line in lines] == [*ids, None]


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/v1/accounts", "/console", "/p/none", "/a%00b"])
def test_every_answer_has_an_id(house: House, path: str):
    """Pages, problems, and what is refused by its head."""
    answer = httpx.get(f"{house.url}{path}", headers=_SENT)
    assert _ID.fullmatch(answer.headers["X-Request-Id"])
