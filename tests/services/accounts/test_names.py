"""Names by ids, on both databases: each kind by what people call it, and nothing of another account."""

from datetime import UTC, datetime

from tests.support.parties import let_in
from tests.support.retention import place
from tests.support.service_house import House, with_account
from vault.domain.ids import new_id
from vault.domain.playback.link import DEFAULT_LIFETIME
from vault.domain.sign_in.connection import PersonRow, Profile, encode_profile
from vault.services.names import Name
from vault.services.playback.link_request import LinkRequest

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


async def _person(house: House, name: str) -> str:
    """Insert somebody who signed in."""
    account, one = house.account.id, new_id("per")
    profile = encode_profile(Profile(issuer="https://idp.example", subject="s", name=name))
    sealed = await house.vault.names.people_keys.seal_words(account, "member", profile)
    row = PersonRow(
        id=one, account_id=account, connection_id="idp_x", sealed_profile=sealed, role_ids=(),
        first_at=NOW, last_at=NOW, removed_at=None,
    )  # fmt: skip
    await house.database.write(lambda tx: tx.people.put(row))
    return one


async def test_each_thing_has_its_name(either: House):
    """A person, a key, a hold, a connection, a call, a listener; what does not exist has none."""
    vault, account = either.vault, either.account.id
    person, recording = await _person(either, "Ada Brandt"), await let_in(either, from_="+12025550100")
    keys = {}
    for name, of in (("import", account), ("ops", None)):
        key, _ = await vault.accounts.api_keys.issue(
            name=name, scopes=["ingest"], account_id=of, actor="operator"
        )
        keys[key.id] = name
    hold = (await place(either, calls=("call-1",))).hold.id
    wanted = LinkRequest(listener="Kim", kind="player", life=DEFAULT_LIFETIME, sessions=1)
    link, token = await vault.playback.links.create(account, recording, wanted, actor="key_x")
    opened = await vault.playback.open_links.open(token.text, nonce="n", address=None, agent="")
    texts = keys | {
        person: "Ada Brandt", hold: "Acme v. Doe", either.connection_id: "main", link.id: "Kim",
        opened.session.id: "Kim",
    }  # fmt: skip
    ids = [*texts, recording, new_id("per"), new_id("req"), "key_0", "nothing"]
    found = await vault.names.of(account, ids, with_numbers=False)
    assert {one: name.text for one, name in found.items() if one != recording} == texts
    assert found[recording].text is None
    assert found[recording].at is not None
    other = await with_account(either, "other")
    assert await vault.names.of(other.account.id, ids, with_numbers=True) == {
        one: Name(text="ops") for one, name in keys.items() if name == "ops"
    }
