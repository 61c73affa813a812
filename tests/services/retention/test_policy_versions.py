"""Many versions of a policy: an erasure reads those in force or waiting, and the history comes in pages."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import delete, insert

from tests.support.parties import ME
from tests.support.retention import age_policies, kept, set_retention
from tests.support.service_house import House
from vault.database.account_parts.retention_policies import row_of_policy
from vault.database.schema.core import micros
from vault.database.schema.retention import retention_policies as table
from vault.database.stores.retention import retention_policies as store
from vault.database.transaction import Transaction
from vault.domain.retention.policy import RetentionPolicy, in_force
from vault.errors import Refused
from vault.services.retention import retention_policy

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _versions(account_id: str, waits: tuple[int, ...], begun: datetime = BEGUN) -> list[dict[str, object]]:
    """Return rows of versions that were set every ten days, each with the days that it waits."""
    days = [begun + 10 * number * DAY for number in range(len(waits))]
    return [
        row_of_policy(
            account_id,
            RetentionPolicy(
                # A restore can leave gaps.
                version=2 * number + 1, classes=(kept(period=f"P{number + 1}D"),),
                changed_at=at, changed_by="key_x", effective_at=at + wait * DAY,
            ),
        )
        for number, (at, wait) in enumerate(zip(days, waits, strict=True))
    ]  # fmt: skip


async def test_what_is_read_is_what_all_versions_say(either: House):
    """For each order of changes that wait not at all, less, or longer than until the next one."""
    account_id = either.account.id

    def compare(tx: Transaction) -> int:
        compared = 0
        for waits in product((0, 7, 10, 30), repeat=4):
            tx.connection.execute(delete(table))
            tx.connection.execute(insert(table), _versions(account_id, waits))
            history = tx.retention.history(account_id, after=0, limit=50)
            for day in (-1, 0, 8, 30, 40, 70):
                now = BEGUN + day * DAY
                found = tx.retention.policies(account_id, now)
                assert (found.current, found.waiting) == in_force(history, now), (waits, day)
                compared += 1
        return compared

    assert await either.database.write(compare) == 4**4 * 6


async def test_versions_that_were_replaced_are_not_read(either: House):
    """A policy that two tools set in turn has hundreds of them, and each erasure would decode all."""
    rows = _versions(either.account.id, (0,) * 300, datetime(2010, 1, 1, tzinfo=UTC))

    def read(tx: Transaction) -> list[int]:
        tx.connection.execute(insert(table), rows)
        asked = {"account_id": either.account.id, "now": micros(tx.now())}
        return [row["version"] for row in store._NOT_REPLACED.rows(tx.connection, **asked)]

    assert await either.database.write(read) == [rows[-1]["version"]]


async def test_the_history_comes_in_pages(house: House):
    """Oldest first, each version once."""
    for days in (30, 40, 50):
        await set_retention(house, kept(period=f"P{days}D"))
    first = await house.vault.retention.policy.history(house.account.id, after=0, limit=2)
    second = await house.vault.retention.policy.history(house.account.id, after=first[-1].version, limit=2)
    assert [[one.version for one in page] for page in (first, second)] == [[1, 2], [3]]
    assert str(second[0].classes[0].period) == "P50D"


async def test_changes_that_wait_are_limited(house: House, monkeypatch: pytest.MonkeyPatch):
    """One that shortens nothing is in force immediately, and one that shortens is set when the wait is over."""
    monkeypatch.setattr(retention_policy, "MAX_WAITING_VERSIONS", 2)
    await set_retention(house, kept(period="P90D"))
    for days in (60, 50):
        await set_retention(house, kept(period=f"P{days}D"), at_once=False)
    with pytest.raises(Refused) as refused:
        await set_retention(house, kept(period="P40D"), at_once=False)
    assert refused.value.reasons == ("too_many_waiting",)
    await age_policies(house, timedelta(days=60))
    await set_retention(house, kept(period="P40D"), at_once=False)
    await set_retention(house, kept(period="P30D"), at_once=False)
    longer = RetentionPolicy(classes=(kept(period="P91D"),))
    await house.vault.retention.policy.set(house.account.id, longer, if_version=None, digest=None, **ME)
    view = await house.vault.retention.policy.read(house.account.id)
    assert (str(view.current.classes[0].period), view.waiting) == ("P91D", ())
