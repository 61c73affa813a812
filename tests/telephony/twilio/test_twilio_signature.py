"""Twilio's signatures, against the vendor's SDK as the peer that signs, and against every mutation."""

import hashlib
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from tests.support.counts import count
from tests.telephony.generated_forms import Pairs, changes, flipped, pairs
from tests.telephony.twilio.recorded import CREDENTIALS, PROVIDER, SHARED, URL, delivery, load
from vault.errors import NotAuthentic
from vault.telephony.signatures.twilio_hmac import DUMMY_KEY, url_variants

SIGNATURE, SETTINGS = "x-twilio-signature", "x-twilio-webhooks-signature-settings"
OTHER = CREDENTIALS | {"auth_token": "54321"}
OTHER_SHARED = SHARED | {"shared_key_id": "webhooks_sharedkey_2", "shared_key": "0ther"}
BY_SHARED_KEY = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
JSON = {"content-type": "application/json"}


class Fields(dict[str, list[str]]):
    """A form in the way the peer's frameworks hold it."""

    def __init__(self, sent: Pairs) -> None:
        super().__init__()
        for name, value in sent:
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        """Return every value of a field."""
        return self[name]


def signed(sent: Pairs, *, url: str = URL, token: str = "12345") -> dict[str, str]:
    return {SIGNATURE: RequestValidator(token).compute_signature(url, Fields(sent))}


def shared(sent: Pairs, *, url: str = URL, key: str = "s3cret-made-up") -> dict[str, str]:
    signature = RequestValidator(key).compute_signature(url, Fields(sent), "HMAC_SHA256")
    return {SIGNATURE: signature, SETTINGS: BY_SHARED_KEY}


def accepted(form: object, headers: dict[str, str], credentials=(CREDENTIALS,), *, url: str = URL) -> None:
    PROVIDER.authenticate(delivery(form, headers, url=url), credentials)


def refused(form: object, headers: dict[str, str], credentials=(CREDENTIALS,), *, url: str = URL) -> None:
    with pytest.raises(NotAuthentic) as error:
        accepted(form, headers, credentials, url=url)
    assert str(error.value) == "The delivery is not signed with this connection's secret."


@pytest.mark.parametrize("scheme", [signed, shared])
def test_what_the_peer_signs_is_accepted_and_every_mutation_of_it_refused(scheme) -> None:
    """URL, parameters, signature, key: one bit, one field, one letter more or less."""
    chance = random.Random(7)  # noqa: S311 - the same requests in every run
    both = ([SHARED], [OTHER_SHARED | OTHER, SHARED], [SHARED, OTHER_SHARED | OTHER])
    for _ in range(count("signed requests", small=60, full=1000)):
        sent = pairs(chance)
        url = URL + chance.choice(["", "?a=b&c=%20+d", "?x"])
        headers = scheme(sent, url=url)
        for credentials in both:
            accepted(sent, headers, credentials, url=url)
        for mutated in changes(sent, chance):
            refused(mutated, headers, [SHARED], url=url)
        refused([], headers, [SHARED], url=url)
        refused(sent, headers, [SHARED], url=flipped(url, chance))
        refused(sent, headers, [SHARED], url=url + "&z")
        refused(sent, headers | {SIGNATURE: flipped(headers[SIGNATURE], chance)}, [SHARED], url=url)
        refused(sent, headers | {SIGNATURE: headers[SIGNATURE] + "," + headers[SIGNATURE]}, [SHARED], url=url)
        refused(sent, headers | {SIGNATURE: ""}, [SHARED], url=url)
        refused(
            sent, headers, [OTHER | {"shared_key_id": "webhooks_sharedkey_1", "shared_key": "0"}], url=url
        )
        refused(sent, headers, [], url=url)


def test_the_order_and_the_repetition_of_a_field_mean_nothing() -> None:
    """Twilio signs each pair once, sorted."""
    sent = [("b", "2"), ("a", ""), ("b", "1")]
    for same in ([("a", ""), ("b", "1"), ("b", "2")], [*sent, ("b", "2")]):
        accepted(same, signed(sent))
    refused(
        [("b", "2"), ("b", "1")],
        signed(sent) | {SIGNATURE: signed([("b", "1"), ("b", "2"), ("c", "")])[SIGNATURE]},
    )


@pytest.mark.parametrize("configured", ["https://vault.example/w?q=1", "https://vault.example:443/w?q=1"])
@pytest.mark.parametrize("signed_url", ["https://vault.example/w?q=1", "https://vault.example:443/w?q=1"])
def test_the_usual_port_may_be_said_or_not(configured: str, signed_url: str) -> None:
    """Twilio signs the URL with it or without it, however it is configured."""
    accepted([("A", "1")], signed([("A", "1")], url=signed_url), url=configured)


@pytest.mark.parametrize(
    ("url", "variants"),
    [
        ("https://a.example/x", ["https://a.example/x", "https://a.example:443/x"]),
        ("http://a.example?x=:1", ["http://a.example?x=:1", "http://a.example:80?x=:1"]),
        ("https://a.example:8443/x", ["https://a.example/x", "https://a.example:8443/x"]),
        ("https://u:p@a.example/x", ["https://u:p@a.example/x", "https://u:p@a.example:443/x"]),
        ("https://[2001:db8::1]:8443/", ["https://[2001:db8::1]/", "https://[2001:db8::1]:8443/"]),
        ("https://[2001:db8::1]/", ["https://[2001:db8::1]/", "https://[2001:db8::1]:443/"]),
        ("nonsense", ["nonsense"]),
        ("https://[x/", ["https://[x/", "https://[x:443/"]),
        ("https://]x/", ["https://]x/"]),
    ],
)
def test_a_url_has_two_spellings(url: str, variants: list[str]) -> None:
    """One without a port, and one with it."""
    assert url_variants(url) == variants


def test_another_port_is_another_url() -> None:
    """Only the port that is configured may be left out or said."""
    refused(
        [("A", "1")], signed([("A", "1")], url="https://vault.example:8443/w"), url="https://vault.example/w"
    )


def test_a_get_is_proven_by_its_url() -> None:
    """Its parameters stand in the query; a body would not be covered, and is not read."""
    url = URL + "?CallSid=CA1&CallStatus=ringing"
    get = replace(delivery(b"", signed([], url=url), url=url), method="GET")
    PROVIDER.authenticate(get, [CREDENTIALS])
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(replace(get, url=url + "&To=x"), [CREDENTIALS])
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(replace(get, url=url + "&To=%"), [CREDENTIALS])
    # What was signed for a GET proves no form.
    refused(load("recording_completed"), signed([], url=url), url=url)


def test_json_is_proven_by_its_hash_in_the_url() -> None:
    """Hash and signature must both fit; the signature of the URL alone proves no body without a hash."""
    body = '{"a": "é"}'
    digest = hashlib.sha256(body.encode()).hexdigest()
    url = f"{URL}?bodySHA256={digest}"
    headers = signed([], url=url) | JSON
    assert RequestValidator("12345").validate(url, body, headers[SIGNATURE])
    accepted(body.encode(), headers, url=url)
    refused(body.encode() + b" ", headers, url=url)
    refused(body.encode(), signed([]) | JSON)
    for other in (url + "0", f"{url}&bodySHA256={digest}", f"{URL}?bodysha256={digest}", f"{URL}?bodySHA256=%",
                  f"{URL}?bodySHA256={digest.upper()}"):  # fmt: skip
        refused(body.encode(), signed([], url=other) | JSON, url=other)
    # A form that calls itself JSON, signed as a form, is proven by nothing that JSON is proven by.
    refused([("A", "1")], signed([("A", "1")]) | JSON)


@pytest.mark.parametrize(
    "settings",
    [
        "",
        BY_SHARED_KEY.replace("HMAC_SHA256", "HMAC_SHA1"),
        BY_SHARED_KEY.replace("HMAC_SHA256", "HMAC_MD5"),
        BY_SHARED_KEY.replace("_1", "_2"),
        "algorithm=HMAC_SHA256",
        "key=,algorithm=HMAC_SHA256",
        "key=webhooks_sharedkey_1",
        f"{BY_SHARED_KEY},{BY_SHARED_KEY}",
        f"{BY_SHARED_KEY},algorithm=HMAC_SHA1",
        "key=\ud800,algorithm=HMAC_SHA256",
    ],
)
def test_settings_never_choose_a_weaker_proof(settings: str) -> None:
    """With the header, whatever it says, neither the token nor another algorithm counts."""
    sent = [("A", "1")]
    for headers in (signed(sent), signed(sent, token="s3cret-made-up"), shared(sent)):
        refused(sent, headers | {SETTINGS: settings}, [SHARED])
    token_by_sha256 = RequestValidator("12345").compute_signature(URL, Fields(sent), "HMAC_SHA256")
    refused(sent, {SIGNATURE: token_by_sha256, SETTINGS: settings}, [SHARED])


def test_a_shared_key_counts_only_where_it_is_configured() -> None:
    """Without one the header refuses the delivery, and without the header the key proves nothing."""
    sent = [("A", "1")]
    accepted(sent, shared(sent) | {SETTINGS: "algorithm=hmac_sha256, key=webhooks_sharedkey_1"}, [SHARED])
    refused(sent, shared(sent), [CREDENTIALS])
    refused(sent, signed(sent) | {SETTINGS: BY_SHARED_KEY}, [CREDENTIALS])
    refused(sent, {SIGNATURE: shared(sent)[SIGNATURE]}, [SHARED])
    accepted(sent, signed(sent), [SHARED])


def test_no_secret_proves_nothing() -> None:
    """Neither an empty list, nor an empty secret, nor the dummy that stands in for them."""
    sent = [("A", "1")]
    for key in ("", DUMMY_KEY.decode()):
        for credentials in ([], [{}], [{"auth_token": ""}], [SHARED | {"auth_token": "", "shared_key": ""}]):
            refused(sent, signed(sent, token=key), credentials)
            refused(sent, shared(sent, key=key), credentials)


def test_what_the_peer_signed_for_recorded_forms_is_accepted() -> None:
    """Blank fields are signed too."""
    form = load("recording_absent")
    headers = signed(list(form.items()))
    accepted(form, headers)
    refused({name: value for name, value in form.items() if value}, headers)


TEXTS = st.text(max_size=60)


@given(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from([SIGNATURE, SETTINGS, "content-type"]), TEXTS),
    TEXTS,
    st.sampled_from(["GET", "POST", "PUT", ""]),
    st.sampled_from([[], [CREDENTIALS], [SHARED]]),
)
def test_whatever_is_sent_is_not_authentic(body, headers, rest, method, credentials) -> None:
    """Any bytes, any headers, any URL: refused, and never anything else."""
    sent = replace(delivery(body, headers, url=URL + rest), method=method)
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(sent, credentials)
