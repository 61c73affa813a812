"""Rows of the table: what platforms, and anyone who claims to be one, send to ``vault/telephony``."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote

from tests.hostile.parsers import KIB, Row, latin, text
from tests.hostile.shapes import FORM, JSON, TEXT, Shape, repeated, within
from tests.support.by_provider import credentials_of, payloads_of
from tests.support.fuzz_targets import _NOW as NOW
from tests.support.fuzz_targets import PROOF_HEADERS
from vault.domain.calls.call import Announcement
from vault.domain.calls.number_reader import read_numbers
from vault.domain.calls.provider_api import Access, Delivery, RestReply, RestRequest
from vault.errors import VaultError
from vault.ports.telephony import Provider
from vault.services.shared.encrypted_fields import content_id
from vault.telephony import call_documents
from vault.telephony.http.address_policy import check_address
from vault.telephony.http.rest import ProviderRest
from vault.telephony.http.url import parse_media_url
from vault.telephony.numbering.number_plans import NumberPlans
from vault.telephony.parsing import timestamps
from vault.telephony.parsing.forms import parse_form, parse_query
from vault.telephony.parsing.phone_number import from_digits, normalize
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.registry import PROVIDERS
from vault.telephony.signatures.jwt import callback_id
from vault.telephony.signatures.plivo_hmac import _base as plivo_base
from vault.telephony.signatures.rsa_keys import check_rsa_key
from vault.telephony.signatures.twilio_hmac import shared_key_id, url_variants

_MEDIA_TYPES = ("application/json", "application/x-www-form-urlencoded")
_FEW = {name: TEXT[name] for name in ("letters", "digits", "slashes", "commas", "spaces")}


def _every(calls: Iterator[Any]) -> None:
    """Make every call, whatever the ones before it refused."""
    for call in calls:
        try:
            call()
        except (VaultError, ValueError):
            continue


def _deliver(provider: Provider, method: str, query: str, headers: Mapping[str, str], body: bytes) -> None:
    """Do with a delivery all that a provider does with one, no matter who sent it."""
    url = f"https://vault.example/webhooks/{provider.name}/conn_1?{query}"
    delivery = Delivery(method=method, url=url, headers=headers, body=body, received_at=NOW)
    calls = [partial(provider.authenticate, delivery, [credentials_of(provider)])]
    calls += [partial(provider.understand, delivery), partial(provider.event_name, delivery)]
    if provider.call_documents is not None:
        calls.append(partial(provider.call_documents.step, delivery))
    _every(iter(calls))


def _bodies(provider: Provider, body: bytes) -> None:
    for media_type in _MEDIA_TYPES:
        _deliver(provider, "POST", "", {"content-type": media_type}, body)


def _queries(provider: Provider, query: str) -> None:
    _deliver(provider, "GET", query, {}, b"")


def _proofs(provider: Provider, value: str) -> None:
    _deliver(provider, "POST", "bodySHA256=a", dict.fromkeys(PROOF_HEADERS, value), b"")
    for name in PROOF_HEADERS:
        # The others are well formed, so that this one is come to.
        fresh = {
            "webhook-id": "a",
            "webhook-timestamp": str(int(NOW.timestamp())),
            "x-plivo-signature-v3-nonce": "a",
        }
        fresh["telnyx-timestamp"] = fresh["webhook-timestamp"]
        _deliver(provider, "POST", "bodySHA256=a", fresh | {name: value}, b"")


def _replies(provider: Provider, body: bytes) -> None:
    reply, announced = (
        RestReply(status=200, body=body),
        Announcement(recording_ref="r", url=None, source_ref="r"),
    )
    _every(iter([partial(provider.listed, reply), partial(provider.found, announced, reply)]))
    _every(partial(provider.pause_state, reply, paused=paused) for paused in (True, False))


def _asked(provider: Provider, ref: str) -> None:
    """Ask for media that is announced with hostile names and places."""
    for base in (None, f"https://{ref}/"):
        access = Access(credentials=credentials_of(provider), api_base=base, now=NOW)
        media = Announcement(recording_ref=ref, url=f"https://{ref}/{ref}", source_ref=ref)
        requests = (provider.media_request, provider.find_request)
        _every(partial(request, media, access) for request in requests)
        names = (provider.delete_request, provider.pause_request, provider.resume_request)
        _every(partial(request, ref, access) for request in names)
        _every(iter([partial(provider.record_request, ref, ref, access)]))


def _credentials(provider: Provider, value: str) -> None:
    known = credentials_of(provider)
    _every(
        partial(provider.check_credentials, dict(known) | {name: value}) for name in (*known, "private_key")
    )


def _genuine(provider: Provider, pattern: str = "*") -> Mapping[str, Shape]:
    """Return each recorded payload with all its texts replaced, so that a parser comes to all of its fields."""
    made: dict[str, Shape] = {}
    for file in sorted(payloads_of(provider).glob(pattern)):
        payload = file.read_bytes()
        fill = (
            partial(_json_of, json.loads(payload)) if file.suffix == ".json" else partial(_form_of, payload)
        )
        for name in ("letters", "digits", "slashes"):
            made[f"{name} in {file.name}"] = partial(_filled, fill, TEXT[name])
    return made


def _filled(fill: Any, shape: Shape, size: int) -> bytes:
    empty = len(fill(""))
    # As many texts as there are share what the names and brackets leave of the size.
    filled: bytes = fill(shape(max(1, (size - empty) // max(1, len(fill("x")) - empty))).decode())
    return filled


def _json_of(payload: Any, value: str) -> bytes:
    def replaced(node: Any, key: str = "") -> Any:
        if isinstance(node, dict):
            return {name: replaced(each, name) for name, each in node.items()}
        if isinstance(node, list):
            return [replaced(each) for each in node]
        # What names the event must stay, or nothing else is read.
        return (
            value if isinstance(node, str) and key not in {"event", "event_type", "type", "token"} else node
        )

    return json.dumps(replaced(payload), ensure_ascii=False).encode()


def _form_of(payload: bytes, value: str) -> bytes:
    names = [name for name, _ in parse_qsl(payload.decode().strip(), keep_blank_values=True)]
    return "&".join(f"{name}={quote(value)}" for name in names).encode()


def _moments(written: str) -> None:
    readers = (
        timestamps.from_rfc3339,
        timestamps.from_rfc2822,
        timestamps.from_milliseconds,
        timestamps.from_spaced,
    )
    _every(partial(read, written, field="at") for read in readers)


def _numbers(written: str) -> None:
    plans = NumberPlans()
    _every(
        partial(read, written)
        for read in (
            normalize,
            from_digits,
            plans.e164,
            plans.place,
            plans.has_extension,
            read_numbers.__wrapped__,
        )
    )


class _Http:
    """A network on which a provider answers in blocks of one byte, as chunks let it."""

    def __init__(self, body: bytes) -> None:
        self.status = 200
        self._body = body

    def admit(self, url: str, _hosts: object) -> str:
        return url

    @asynccontextmanager
    async def open(self, *_asked: object) -> AsyncIterator["_Http"]:
        yield self

    async def aiter_stream(self) -> AsyncIterator[bytes]:
        for at in range(len(self._body)):
            yield self._body[at : at + 1]


def _answered(body: bytes) -> None:
    client = ProviderRest(_Http(body))  # type: ignore[arg-type]
    reply = asyncio.run(client.send(RestRequest(method="GET", url="", headers={})))
    assert reply.body == body


def _of(provider: Provider) -> list[Row]:
    name, given = provider.name, partial
    wrapped = within(b'{"event":"call.ended","data":', JSON) | within(b'{"data":{"payload":', _FEW)
    bearers = within(b"Bearer a.", TEXT) | within(b"v1,", _FEW) | within(b"key=", _FEW)
    lists: dict[str, Shape] = {}
    for outer in (b'{"data":[', b'{"calls":[', b'{"recordings":[', b'{"objects":['):
        items = {"objects": repeated(b'{"id":"a"},'), "open": JSON["open objects"]}
        lists |= within(outer, items, b"{}]}")
    lists |= _genuine(provider, "rest_*")
    return [
        Row(name=f"{name} body", parse=given(_bodies, provider), shapes=JSON | FORM | wrapped, limit=16 * KIB),
        Row(name=f"{name} payload", parse=given(_bodies, provider), shapes=_genuine(provider), limit=8 * KIB),
        Row(name=f"{name} query", parse=latin(given(_queries, provider)), shapes=FORM | _FEW, limit=16 * KIB),
        Row(name=f"{name} proof", parse=latin(given(_proofs, provider)), shapes=TEXT | bearers, limit=16 * KIB),
        Row(name=f"{name} reply", parse=given(_replies, provider), shapes=lists, limit=32 * KIB),
        Row(name=f"{name} names", parse=text(given(_asked, provider)), shapes=TEXT, limit=8 * KIB),
        Row(name=f"{name} credentials", parse=text(given(_credentials, provider)), shapes=_FEW),
    ]  # fmt: skip


def _delivered(**given: Any) -> Delivery:
    common = {
        "method": "GET",
        "url": "https://vault.example/",
        "headers": {},
        "body": b"",
        "received_at": NOW,
    }
    return Delivery(**common | given)


def _token(claims: bytes) -> None:
    part = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
    callback_id(_delivered(headers={"authorization": f"Bearer a.{part}.{'a' * 43}"}))


def _signed_form(data: bytes) -> None:
    """Put in order what Plivo signs, in the query and in the body, and what a delivery without an id is known by."""
    query = data.decode("utf-8", "surrogateescape")
    for delivery in (_delivered(url=f"https://vault.example/?{query}"), _delivered(method="POST", body=data)):
        content_id(bytes(32), delivery)
        _every(iter([partial(plivo_base, delivery)]))


_PLACES = within(b"https://", TEXT) | within(b"https://a/", TEXT) | within(b"https://[", TEXT)
_PEM = b"-----BEGIN PRIVATE KEY-----\n"
ROWS = [
    *(row for provider in PROVIDERS for row in _of(provider)),
    Row(name="json", parse=partial(parse_object, limit=1024 * KIB), shapes=JSON, limit=256 * KIB),
    # Adding to bytes copies them, and that shows late.
    Row(name="reply in blocks", parse=_answered, shapes={"letters": TEXT["letters"]}, limit=96 * KIB),
    Row(name="form", parse=parse_form, shapes=FORM | TEXT),
    Row(name="query", parse=text(parse_query), shapes=FORM | TEXT),
    Row(name="media URL", parse=text(parse_media_url), shapes=_PLACES, limit=4 * KIB),
    Row(name="signed URL", parse=text(url_variants), shapes=_PLACES, limit=16 * KIB),
    Row(name="signed form", parse=_signed_form, shapes=FORM | TEXT, limit=16 * KIB),
    # In base64 it has 8,192 characters.
    Row(name="token", parse=_token, shapes=JSON | TEXT, limit=6 * KIB),
    Row(name="shared key", parse=latin(shared_key_id), shapes=TEXT),
    Row(name="address", parse=text(check_address), shapes=TEXT | {"groups": repeated(b"1:")}),
    Row(name="number", parse=text(_numbers), shapes=TEXT | within(b"+1", TEXT) | within(b"tel:+1", _FEW)),
    Row(name="moment", parse=text(_moments), shapes=TEXT | within(b"2026-01-01T00:00:00.", _FEW)),
    Row(name="spoken text", parse=text(call_documents.split_text), shapes=TEXT | {"sentences": repeated(b"a. ")}),
    Row(name="spoken language", parse=text(call_documents.language_of), shapes=TEXT
        | {"subtags": repeated(b"-a", b"en")}),
    Row(name="private key", parse=text(check_rsa_key), shapes=TEXT | within(_PEM, TEXT)
        | {"blocks": repeated(_PEM)}),
]  # fmt: skip
