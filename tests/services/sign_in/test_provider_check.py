"""What is wrong with a provider's documents is told in a sentence for each thing, before anybody signs in."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import ISSUER, OTHER_ISSUER
from vault.domain.calls.provider_api import RestReply, RestRequest
from vault.errors import FetchFailed
from vault.services.sign_in.provider_documents import FetchProviderDocuments, ProviderCheck

GOOD: Mapping[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}
KEY: Mapping[str, object] = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "kid": "a", "use": "enc"}


def checked(rest: Any, scopes: tuple[str, ...] = ("openid",), claim: str = "groups") -> ProviderCheck:
    """Look at the documents that ``rest`` serves."""
    documents = FetchProviderDocuments(rest=rest, clock=lambda: datetime.now(UTC))
    return asyncio.run(documents.check(ISSUER, scopes, claim))


class Serving:
    """Serves one discovery document and one key set."""

    def __init__(self, document: object, keys: object = None, status: int = 200) -> None:
        self.document, self.keys, self.status = document, keys, status

    async def send(self, request: RestRequest) -> RestReply:
        """Answer a request of the vault."""
        said = self.keys if request.url.endswith("/jwks") else self.document
        return RestReply(status=self.status, body=json.dumps(said).encode())


def test_a_provider_that_tells_the_truth_has_no_problem() -> None:
    """The documents of the provider that signs people in elsewhere."""
    assert checked(IdentityProvider()) == ProviderCheck(problems=[], notes=[])


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (Serving(GOOD, status=404), ["answers 404 at https://idp.example/.well-known/openid-configuration"]),
        (Serving([]), ["not a JSON object"]),
        (Serving(GOOD | {"issuer": OTHER_ISSUER}), [f"calls itself {OTHER_ISSUER}."]),
        (Serving(GOOD | {"issuer": 7}), ["names no issuer"]),
        (
            Serving({"issuer": OTHER_ISSUER, "jwks_uri": "http://idp.example/jwks"}),
            [OTHER_ISSUER, "authorization_endpoint", "token_endpoint", "jwks_uri"],
        ),
        (Serving(GOOD, {"keys": []}), ["no key that can be used"]),
        (Serving(GOOD, {"keys": [KEY]}), ["no key that can be used"]),
        (Serving(GOOD, "keys"), ["no key that can be used"]),
    ],
)
def test_each_thing_that_is_wrong_is_told(rest: Serving, said: list[str]) -> None:
    """All of the document at once; nothing that is right besides."""
    problems = checked(rest).problems
    assert [part in text for part, text in zip(said, problems, strict=True)] == [True] * len(said), problems


def test_a_provider_that_cannot_be_reached_is_told() -> None:
    """With what the guarded client says of it."""

    class Away:
        async def send(self, _: RestRequest) -> RestReply:
            raise FetchFailed("The host did not answer.", final=False)

    assert checked(Away()).problems == ["The sign-in provider cannot be used: The host did not answer."]


def test_what_the_provider_does_not_list_is_no_problem() -> None:
    """A document need not list all of its scopes and claims, so that people may sign in nonetheless."""
    listing = IdentityProvider()
    discovery = listing.send

    async def send(request: RestRequest) -> RestReply:
        reply = await discovery(request)
        if not request.url.endswith("openid-configuration"):
            return reply
        said = json.loads(reply.body) | {"scopes_supported": ["openid"], "claims_supported": ["sub"]}
        return RestReply(status=200, body=json.dumps(said).encode())

    listing.send = send  # type: ignore[method-assign]
    found = checked(listing, scopes=("openid", "groups"), claim="roles")
    assert found.problems == []
    assert [
        part in text for part, text in zip(("scope groups", "claim roles"), found.notes, strict=True)
    ] == [
        True,
        True,
    ]
