"""What a provider may say: the table of the conformance suite's modules, and of the ways in which ours lies."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import CLIENT, ISSUER, LIES, SECRET, WHOLE_LIES
from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.attempt import Attempt
from vault.domain.sign_in.connection import ProviderSettings, RoleMapping, SignInConnection
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import FetchFailed, Unavailable
from vault.services.sign_in.ask_provider import AskProvider, Identified, ProviderAnswer
from vault.services.sign_in.provider_documents import FetchProviderDocuments

SETTINGS = ProviderSettings(
    issuer=ISSUER,
    client_id=CLIENT,
    client_secret=SECRET,
    scopes=("openid", "profile"),
    claim=("groups",),
    roles=(
        RoleMapping(id="role_1", value="staff", role="listener"),
        RoleMapping(id="role_2", value="boss", role="admin"),
    ),
)
CONNECTION = SignInConnection(
    id="idp_1",
    account_id="acct_1",
    name="main",
    revision=1,
    settings=SETTINGS,
    changed_at=datetime.now(UTC),
    changed_by="key_1",
)
#: The modules of the plan oidcc-client-basic-certification-test-plan, and three of the Config profile.
CONFORMANCE: dict[str, str | None] = {
    "oidcc-client-test": None,
    "invalid-iss": "issuer",
    "missing-sub": "subject",
    "invalid-aud": "audience",
    "missing-iat": "times",
    "kid-absent-single-jwks": None,
    "kid-absent-multiple-jwks": "key",
    "idtoken-sig-rs256": None,
    "idtoken-sig-none": "algorithm",
    "invalid-sig-rs256": "signature",
    "userinfo-invalid-sub": "userinfo",
    "nonce-invalid": "nonce",
    "scope-userinfo-claims": None,
    "client-secret-basic": None,
    "discovery issuer mismatch": "metadata",
    "signing key rotation": None,
}
OURS: dict[str, str | None] = {
    "token of another issuer": "issuer",
    "sub is a number": "subject",
    "sub is too long": "subject",
    "sub has a line break": "subject",
    "missing aud": "audience",
    "several aud without azp": "audience",
    "azp of another": "audience",
    "several aud with azp": None,
    "missing exp": "times",
    "no nonce": "nonce",
    "exp in milliseconds": "times",
    "exp is 1e30": "times",
    "exp is a text": "times",
    "exp is true": "times",
    "exp is a fraction": None,
    "expired": "times",
    "life of two days": "times",
    "iat in the future": "times",
    "nbf in the future": "times",
    "events in an ID token": "token_type",
    "type of a logout token": "token_type",
    "type of an access token": "token_type",
    "type JWT": None,
    "at_hash of another token": "access_token_hash",
    "groups overage": "too_many_groups",
    "groups overage of Entra": "too_many_groups",
    "groups left out": None,
    "groups is one text": None,
    "unknown kid": "key",
    "alg None in capitals": "algorithm",
    "HS256 with the public key as PEM": "algorithm",
    "HS256 with the public key as JWK": "algorithm",
    "HS256 with the client's secret": "algorithm",
    "ES256 over an RSA key": "key",
    "key in the header": "signature",
    "member twice in the claims": "token_form",
    "member twice in the header": "token_form",
    "NaN": "token_form",
    "crit": "token_form",
    "token of 1 MB": "token_size",
    "claims nested 20,000 deep": "token_form",
    "four segments": "token_form",
    "two segments": "token_form",
    "padding": "token_form",
    "line break": "token_form",
    "JWS in JSON": "token_form",
    "empty": "token_form",
    "no iss": "issuer_parameter",
    "no iss announced": None,
    "iss of another": "issuer_parameter",
    "endpoint over http": "metadata",
    "jwks redirects": "keys",
}


def asking(provider: object, clock: object = None) -> AskProvider:
    """Return the vault's side of a sign-in at a provider."""
    now = clock or (lambda: datetime.now(UTC))
    documents = FetchProviderDocuments(rest=provider, clock=now)
    return AskProvider(documents=documents, clock=now, urls=PublicUrls(public_url="https://vault.example"))


async def sign_in(provider: IdentityProvider, ask: AskProvider | None = None) -> Identified:
    """Go to the provider and come back."""
    ask, attempt = ask or asking(provider), Attempt.new()
    answer = provider.authorize(await ask.address(CONNECTION, attempt))
    assert answer["state"] == attempt.state.text
    return await ask.identify(
        CONNECTION, attempt, ProviderAnswer(code=answer["code"], issuer=answer.get("iss"))
    )


def provider_for(case: str) -> IdentityProvider:
    """Return the provider that a case needs."""
    provider = IdentityProvider(lie=case)
    if case == "signing key rotation":
        provider.published, provider.key = ["new", "ec"], "new"
    if case in {"scope-userinfo-claims", "userinfo-invalid-sub"}:
        provider.claims, provider.userinfo = {}, {"groups": ["staff"], "name": "Ada Moreau"}
    return provider


def test_every_lie_has_its_line():
    """A lie that no line of the tables names would not be tried."""
    assert (set(LIES) | set(WHOLE_LIES)) <= set(CONFORMANCE) | set(OURS)


@pytest.mark.parametrize("case", [*CONFORMANCE, *OURS])
async def test_a_provider_is_believed_only_where_the_specification_says_so(case: str):
    """All refused or accepted as the specification says, with the reason by its code."""
    expected = (CONFORMANCE | OURS)[case]
    provider = provider_for(case)
    if expected is None:
        found = await sign_in(provider)
        assert found.subject == "ada"
        assert found.role_ids == (() if case == "groups left out" else ("role_1",))
        return
    with pytest.raises(SignInRefused) as refused:
        await sign_in(provider)
    # How deep JSON may be nested depends on the interpreter: 3.13 reads this one, and misses the issuer.
    codes = {expected, "issuer"} if "nested" in case else {expected}
    assert refused.value.failed in codes
    assert SECRET not in str(refused.value)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # The provider's own use of the older name.
@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("PS256", "new"), ("RS512", "new"), ("ES256", "ec"), ("EdDSA", "ed"), ("Ed25519", "ed")],
)
async def test_other_algorithms_are_taken(algorithm: str, key: str):
    """Also both names of Ed25519."""
    provider = IdentityProvider(algorithm=algorithm, key=key, published=["rsa", "ec", "ed", "new"])
    assert (await sign_in(provider)).role_ids == ("role_1",)


async def test_a_key_is_used_with_its_own_algorithm_alone():
    """The JWK says RS256, so PS256 by the same key is refused."""
    with pytest.raises(SignInRefused, match="key"):
        await sign_in(IdentityProvider(algorithm="PS256"))


async def test_keys_that_change_are_found_and_unknown_ones_ask_once():
    """The next sign-in after a rotation works, and 1,000 tokens with unknown keys fetch the set once."""
    now = datetime.now(UTC)
    provider = IdentityProvider(now=lambda: now)
    ask = asking(provider, lambda: now)
    await sign_in(provider, ask)
    provider.published, provider.key = ["new", "ec"], "new"
    with pytest.raises(SignInRefused):
        await sign_in(provider, ask)  # Fetched less than 30 seconds ago.
    now += timedelta(seconds=31)
    assert (await sign_in(provider, ask)).subject == "ada"
    assert provider.asked["/jwks"] == 2
    now += timedelta(seconds=31)
    provider.lie = "unknown kid"
    for _ in range(1000):
        token = provider.id_token("n")
        await ask.documents.of(ISSUER, token)
    assert provider.asked["/jwks"] == 3
    assert provider.asked["/.well-known/openid-configuration"] == 1


async def test_documents_are_used_for_an_hour_at_most():
    """While the provider is away its last good documents are used; after an hour nobody signs in."""
    now = datetime.now(UTC)
    provider = IdentityProvider()
    ask = asking(provider, lambda: now)
    await ask.documents.of(ISSUER)
    send = provider.send

    async def away(_request: object) -> None:
        raise FetchFailed("The host did not respond in time.")

    provider.send = away  # type: ignore[method-assign]
    now += timedelta(minutes=59)
    assert (await ask.documents.of(ISSUER)).keys
    now += timedelta(minutes=2)
    with pytest.raises(Unavailable, match="sign-in provider"):
        await ask.documents.of(ISSUER)
    provider.send = send  # type: ignore[method-assign]
    assert (await ask.documents.of(ISSUER)).keys
    assert provider.asked["/jwks"] == 2


async def test_a_code_is_used_once():
    """The provider refuses it the second time, and the vault says so."""
    provider = IdentityProvider()
    ask, attempt = asking(provider), Attempt.new()
    said = provider.authorize(await ask.address(CONNECTION, attempt))
    answer = ProviderAnswer(code=said["code"], issuer=said["iss"])
    await ask.identify(CONNECTION, attempt, answer)
    with pytest.raises(SignInRefused, match="did not exchange the code"):
        await ask.identify(CONNECTION, attempt, answer)


LOGOUT: dict[str, tuple[dict[str, object], str | None]] = {
    "a good one": ({}, None),
    "by sid alone": ({"sub": None}, None),
    "by sub alone": ({"sid": None}, None),
    "with a nonce": ({"nonce": "n"}, "nonce"),
    "without events": ({"events": None}, "events"),
    "with other events": ({"events": {"http://schemas.openid.net/event/other": {}}}, "events"),
    "events is a list": ({"events": ["http://schemas.openid.net/event/backchannel-logout"]}, "events"),
    "nobody": ({"sid": None, "sub": None}, "subject"),
    "without jti": ({"jti": None}, "replay"),
    "another audience": ({"aud": "other"}, "audience"),
    "another issuer": ({"iss": "https://other-idp.example"}, "issuer"),
    "without exp": ({"exp": None}, "times"),
    "exp in milliseconds": ({"exp": int(time.time() * 1000)}, "times"),
}


@pytest.mark.parametrize("case", LOGOUT)
async def test_a_logout_token_is_checked(case: str):
    """As the specification of back-channel logout says."""
    claims, expected = LOGOUT[case]
    provider = IdentityProvider()
    token = provider.logout_token(**claims)
    if expected is None:
        found = await asking(provider).check_logout(CONNECTION, token)
        assert {found.subject, found.session} <= {"ada", "sid-1", None}
        return
    with pytest.raises(SignInRefused) as refused:
        await asking(provider).check_logout(CONNECTION, token)
    assert refused.value.failed == expected


async def test_an_id_token_is_no_logout_token():
    """And the reverse is refused by its type and its events: see the table."""
    provider = IdentityProvider()
    with pytest.raises(SignInRefused, match="events"):
        await asking(provider).check_logout(CONNECTION, provider.id_token("n"))
