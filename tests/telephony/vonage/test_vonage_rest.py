"""How Vonage's media is fetched, found and deleted, and where the application's token goes."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.telephony.vonage.recorded import (
    ACCESS,
    ANNOUNCED,
    APPLICATION,
    CREDENTIALS,
    ELSEWHERE,
    FILE,
    KEY,
    NOW,
    PROVIDER,
    delivery,
    load,
    pem,
)
from vault.domain.calls.provider_api import Access, ListedPage, RestReply
from vault.errors import FetchFailed, Invalid


def shown(headers) -> dict[str, object]:
    """Return the claims of the one header, verified with the application's public key by PyJWT."""
    assert set(headers) == {"Authorization"}
    scheme, _, token = headers["Authorization"].partition(" ")
    assert scheme == "Bearer"
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}
    # PyJWT asks the clock on the wall, which the tests do not go by.
    times = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options=times)
    assert claims["iat"] <= NOW.timestamp() < claims["exp"]
    return claims


@pytest.mark.parametrize(
    ("url", "access", "goes"),
    [
        ("https://api.nexmo.com/v1/files/a", ACCESS, True),
        ("https://api-us.nexmo.com/v1/files/a", ACCESS, True),
        ("https://api-eu-3.vonage.com/v1/files/a", ACCESS, True),
        ("https://API.NEXMO.COM/v1/files/a", ACCESS, True),
        ("http://api.nexmo.com/v1/files/a", ACCESS, False),
        ("https://evil.example/vonage.com", ACCESS, False),
        ("https://evil.example/?nexmo.com", ACCESS, False),
        ("https://nexmo.com.evil.example/a", ACCESS, False),
        ("https://evilnexmo.com/a", ACCESS, False),
        ("https://api.nexmo.com@evil.example/a", ACCESS, False),
        ("https://127.0.0.1:9999/a", ACCESS, False),
        ("http://127.0.0.1:9999/a", ELSEWHERE, True),
        ("http://127.0.0.2:9999/a", ELSEWHERE, False),
        ("http://api.nexmo.com.evil.example/a", ELSEWHERE, False),
        ("http://127.0.0.1/a", replace(ELSEWHERE, api_base="https://127.0.0.1"), False),
    ],
)
def test_the_token_goes_to_vonage_alone(url: str, access: Access, goes: bool) -> None:
    """The parsed host decides, and never in the clear unless the api_base is so itself."""
    request = PROVIDER.media_request(replace(ANNOUNCED, url=url), access)
    assert request.url == url
    assert bool(request.headers) == goes
    assert request.hosts[:2] == ("*.nexmo.com", "*.vonage.com")
    assert request.hosts[2:] == (() if access is ACCESS else ("127.0.0.1",))
    if goes:
        shown(request.headers)


def test_the_token_is_the_applications_and_short_lived() -> None:
    """It says who, when, and for fifteen minutes, and no two are the same."""
    first, second = (shown(PROVIDER.media_request(ANNOUNCED, ACCESS).headers) for _ in range(2))
    assert first["jti"] != second["jti"]
    for claims in (first, second):
        assert len(str(claims.pop("jti"))) == 32
        at = int(NOW.timestamp())
        assert claims == {"application_id": APPLICATION, "iat": at, "exp": at + 900}


def test_files_of_the_usual_place_are_asked_for_at_the_connections_own() -> None:
    """api_base stands in for the REST interface, which serves files."""
    request = PROVIDER.media_request(ANNOUNCED, ELSEWHERE)
    assert request.url == f"http://127.0.0.1:9999/vonage/v1/files/{FILE}"
    shown(request.headers)


def test_media_without_a_url_or_a_key_is_not_fetched() -> None:
    """No URL is final; a key that cannot sign can be replaced by the admin."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.media_request(replace(ANNOUNCED, url=None), ACCESS)
    assert error.value.final
    broken = Access(credentials=CREDENTIALS | {"private_key": "x"}, api_base=None, now=NOW)
    with pytest.raises(FetchFailed) as error:
        PROVIDER.media_request(ANNOUNCED, broken)
    assert not error.value.final
    with pytest.raises(FetchFailed):
        PROVIDER.media_request(ANNOUNCED, replace(ACCESS, api_base="http://["))


@pytest.mark.parametrize(
    ("access", "base", "host"),
    [
        (ACCESS, "https://api.nexmo.com", "api.nexmo.com"),
        (ELSEWHERE, "http://127.0.0.1:9999/vonage", "127.0.0.1"),
    ],
)
def test_a_stale_url_is_made_anew_from_the_files_name(access: Access, base: str, host: str) -> None:
    """The file is asked for by name, and then fetched from the REST interface."""
    stale = replace(ANNOUNCED, url=f"https://api-us-9.vonage.com/v1/files/{FILE}")
    request = PROVIDER.find_request(stale, access)
    assert request is not None
    assert (request.method, request.url, request.body) == ("HEAD", f"{base}/v1/files/{FILE}", b"")
    assert request.hosts == (host,)
    shown(request.headers)
    for status in (200, 404, 405, 500):
        found = PROVIDER.found(stale, RestReply(status=status, body=b""))
        assert found == ANNOUNCED
        assert PROVIDER.media_request(found, access).url == f"{base}/v1/files/{FILE}"


def test_what_is_gone_or_has_no_name_is_not_found() -> None:
    """410 is final, and so is a recording whose URL named no file."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.found(ANNOUNCED, RestReply(status=410, body=b""))
    assert error.value.final
    nameless = replace(ANNOUNCED, source_ref=None)
    assert PROVIDER.find_request(nameless, ACCESS) is None
    with pytest.raises(FetchFailed) as error:
        PROVIDER.found(nameless, RestReply(status=200, body=b""))
    assert error.value.final


def test_a_deletion_is_possible_but_not_the_default() -> None:
    """The Media API is asked only where an admin wants it."""
    request = PROVIDER.delete_request(FILE, ELSEWHERE)
    assert request is not None
    assert (request.method, request.url) == ("DELETE", f"http://127.0.0.1:9999/vonage/v3/media/{FILE}")
    shown(request.headers)
    assert PROVIDER.delete_request("../calls", ACCESS) is None
    assert (PROVIDER.deletes_by_default, PROVIDER.delete_again_after) == (False, None)


def test_there_is_no_list() -> None:
    """Nothing is asked, and nothing is understood of an answer."""
    assert PROVIDER.list_request(datetime(2026, 1, 1, tzinfo=UTC), None, ACCESS) is None
    assert PROVIDER.listed(RestReply(status=200, body=b"{}")) == ListedPage()


def test_the_setup_is_for_people() -> None:
    """It is plain JSON, names the URL, and does not promise a deletion."""
    setup = json.loads(json.dumps(PROVIDER.setup("https://vault.example/webhooks/vonage/c")))
    assert setup["url"] == "https://vault.example/webhooks/vonage/c"
    assert setup["method"] == "POST"
    assert "30 days" in setup["delete_at_source"]
    assert "does not document" in setup["delete_at_source"]


@pytest.mark.parametrize("name", ["signature_secret", "application_id", "private_key"])
def test_credentials_are_three(name: str) -> None:
    """A missing, a blank and a malformed one are named, and not repeated."""
    PROVIDER.check_credentials(CREDENTIALS)
    for wrong in ({}, {name: ""}, {name: "hun\nter2"}, {name: "\ud800"}):
        rest = {key: value for key, value in CREDENTIALS.items() if key != name}
        with pytest.raises(Invalid) as error:
            PROVIDER.check_credentials(rest | wrong)
        assert error.value.field == name
        assert "hun" not in str(error.value)
    with pytest.raises(Invalid) as error:
        PROVIDER.check_credentials(CREDENTIALS | {"api_key": "a"})
    assert error.value.field == "credentials"


def test_a_private_key_is_rsa_and_long_enough() -> None:
    """Another kind of key, a short one, a public one and one with broken numbers are refused."""
    numbers, other = KEY.private_numbers(), rsa.generate_private_key(65537, 2048).private_numbers()
    mixed = rsa.RSAPrivateNumbers(
        p=numbers.p,
        q=numbers.q,
        d=other.d,
        dmp1=numbers.dmp1,
        dmq1=numbers.dmq1,
        iqmp=numbers.iqmp,
        public_numbers=numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is the one to be refused
    curve = ec.generate_private_key(ec.SECP256R1())
    for key in (pem(short), pem(curve), pem(mixed), "-----BEGIN PRIVATE KEY-----\n"):
        with pytest.raises(Invalid) as error:
            PROVIDER.check_credentials(CREDENTIALS | {"private_key": key})
        assert error.value.field == "private_key"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.nexmo.com/v1/files/a-1", "a-1"),
        ("https://api.nexmo.com/v1/files/a-1?token=x", "a-1"),
        ("https://api.nexmo.com/v1/files/", None),
        ("https://api.nexmo.com", None),
        ("https://api.nexmo.com/v1/files/..", None),
        ("https://api.nexmo.com/v1/files/a%2Fb", None),
    ],
)
def test_a_files_name_is_the_last_part_of_its_url(url: str, name: str | None) -> None:
    """What could lead elsewhere in a path is no name."""
    heard = PROVIDER.understand(delivery(load("record") | {"recording_url": url}))
    assert heard is not None
    assert heard.announcement is not None
    assert heard.announcement.source_ref == name
