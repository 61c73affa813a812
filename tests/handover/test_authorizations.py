"""OAuth: a person authorizes an integration, who is the one that has begun it, and nobody else."""

import asyncio

import pytest
from sqlalchemy import text

from tests.fakes.crm import NotebookPeer
from tests.support.authorizing import activated, agreed, authorize, set_integrations
from tests.support.handing import (
    ME,
    call,
    hand_over,
    states,
)
from tests.support.service_house import LONG_AGO, House, with_account
from vault.domain.crm.exchange import OAuthClient
from vault.domain.handover.integration import HandoverPolicy
from vault.errors import FetchFailed, Invalid, NotFound, Refused, Unavailable
from vault.services.handover.credentials import IntegrationChange


async def test_a_person_authorizes_it_and_what_waited_is_written(either: House, grantor: NotebookPeer):
    """Nothing leaves before; the tokens are in no row in clear, and in no answer."""
    view = await activated(either, grantor)
    assert view.integration.unauthorized_since is not None
    await call(either)
    await hand_over(either)
    assert grantor.requests == []
    await authorize(either, grantor, view)
    await hand_over(either)
    assert await states(either) == ["present"]
    (token,) = grantor.tokens.access
    (refresh,) = grantor.tokens.refresh
    rows = await either.database.read(
        lambda tx: [tuple(row) for row in tx.connection.execute(text("SELECT * FROM integrations"))]
    )
    seen = await either.vault.handover.integrations.read(either.account.id, view.integration.id)
    for secret in (token, refresh, grantor.tokens.client_secret):
        assert secret not in str(rows) + repr(seen) + str(seen.settings)
    assert seen.client_id == grantor.tokens.client_id


async def test_an_authorization_is_of_who_began_it_and_good_once(either: House, grantor: NotebookPeer):
    """Another person, another account, a second use, a later one and a time that is over: no code is sent."""
    view, verbs = await activated(either, grantor), either.vault.handover.authorizations
    other = await with_account(either, "other")
    answer = await agreed(either, grantor, view.integration.id)
    for account_id, said, actor in (
        (either.account.id, answer, "key_other"),
        (other.account.id, answer, "key_test"),
        (either.account.id, answer | {"state": answer["state"][:-1]}, "key_test"),
    ):
        with pytest.raises(NotFound):
            await verbs.finish(account_id, **said, actor=actor)
    newer = await agreed(either, grantor, view.integration.id)
    with pytest.raises(NotFound):
        await verbs.finish(either.account.id, **answer, **ME)
    both = await asyncio.gather(
        *(verbs.finish(either.account.id, **newer, **ME) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["NotFound", "StoredIntegration"]
    late = await agreed(either, grantor, view.integration.id)
    await set_integrations(either, state_until=LONG_AGO)
    with pytest.raises(NotFound):
        await verbs.finish(either.account.id, **late, **ME)
    assert grantor.requests.count("POST /token") == 1


async def test_a_code_without_its_verifier_is_worth_nothing(either: House, grantor: NotebookPeer):
    """The code of one authorization in the answer of another: PKCE binds it to its own."""
    view, verbs = await activated(either, grantor), either.vault.handover.authorizations
    stolen = await agreed(either, grantor, view.integration.id)
    mine = await agreed(either, grantor, view.integration.id)
    with pytest.raises(Refused) as refused:
        await verbs.finish(either.account.id, **(mine | {"code": stolen["code"]}), **ME)
    assert refused.value.reasons == ("authorization_refused",)
    assert (await states(either)) == []


async def test_what_the_system_says_no_to_changes_nothing(either: House, grantor: NotebookPeer):
    """A person who refuses, a foreign host in the reply, and no reply: it stays unauthorized."""
    view, verbs = await activated(either, grantor), either.vault.handover.authorizations
    said = await agreed(either, grantor, view.integration.id)
    with pytest.raises(Refused):
        await verbs.finish(either.account.id, **(said | {"error": "access_denied"}), **ME)
    grantor.tokens.extra["api_host"] = "evil.example"
    with pytest.raises(Refused):
        await authorize(either, grantor, view)
    del grantor.tokens.extra["api_host"]
    grantor.answers["POST /token"] = [FetchFailed("The host did not respond in time.", host_down=True)]
    with pytest.raises(Unavailable):
        await authorize(either, grantor, view)
    seen = await either.vault.handover.integrations.read(either.account.id, view.integration.id)
    assert seen.integration.unauthorized_since is not None


async def test_another_client_or_host_needs_another_grant(either: House, grantor: NotebookPeer):
    """No token goes where nobody has agreed to; the policy and the description change nothing of that."""
    view = await activated(either, grantor)
    await authorize(either, grantor, view)
    verbs, name = either.vault.handover.integrations, (either.account.id, view.integration.id)
    same = await verbs.change(*name, IntegrationChange(description="x", policy=HandoverPolicy()), **ME)
    assert same.integration.unauthorized_since is None
    other = await verbs.change(
        *name, IntegrationChange(client=OAuthClient(client_id="c", client_secret="s")), **ME
    )
    assert other.integration.unauthorized_since is not None
    for wanted, field in (
        (IntegrationChange(key="nb-a", client=OAuthClient(client_id="c", client_secret="s")), "client"),
        (IntegrationChange(key="nb-a"), "client"),
        (IntegrationChange(client=OAuthClient(client_id="", client_secret="s")), "client_id"),
        (IntegrationChange(client=OAuthClient(client_id="c", client_secret="a b")), "client_secret"),
    ):
        with pytest.raises(Invalid) as refused:
            await verbs.change(*name, wanted, **ME)
        assert refused.value.field == field
