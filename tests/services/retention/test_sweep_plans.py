"""What the sweep, the preview and the application of policies read is a search of an index, on both databases."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.service_house import House
from vault.database.stores.retention.due_soon import untold_query
from vault.database.stores.retention.retention_policies import (
    available_query,
    due_counts_query,
    due_query,
    stale_query,
)

_AFTER, _LATER = ((datetime(year, 1, 1, tzinfo=UTC), f"rec_{year}") for year in (2020, 2021))


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (due_query(datetime.now(UTC), after=_AFTER, limit=200), "ix_recordings_act"),
        (due_counts_query(datetime.now(UTC)), "ix_recordings_act"),
        (untold_query("acct_1", datetime.now(UTC), None, 200), "ix_recordings_untold"),
        (untold_query("acct_1", datetime.now(UTC), _AFTER, 200), "ix_recordings_untold"),
        (available_query("acct_1", None, 200), "ix_recordings_page"),
        (available_query("acct_1", _AFTER, 200), "ix_recordings_page"),
        (stale_query("acct_1", 2, None, 200), "ix_recordings_policy_version"),
        (stale_query("acct_1", 2, (0, "rec_2"), 200), "ix_recordings_policy_version"),
    ],
    ids=[
        "due",
        "due counts",
        "first untold",
        "untold",
        "first available",
        "available",
        "first stale",
        "stale",
    ],
)
async def test_a_batch_is_a_search_of_its_index(either: House, query: Any, index: str):
    """What a run or a preview reads is a search of an index, and no batch is sorted."""

    def plan(tx: Any) -> str:
        compiled = query.compile(tx.connection, compile_kwargs={"literal_binds": True})
        if tx.connection.dialect.name == "sqlite":
            rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
        else:
            # The table is nearly empty here: only the forbidden sort and scan tell which index can be used.
            for way in ("seqscan", "bitmapscan", "sort"):
                tx.connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            rows = tx.connection.exec_driver_sql(f"EXPLAIN {compiled}")
        return " ".join(str(column) for row in rows for column in row)

    found = await either.database.write(plan)
    assert index in found
    # Only the few that are due may be sorted, to count them by account.
    if "count(" not in str(query):
        assert "TEMP B-TREE" not in found
        assert "Sort" not in found


@pytest.mark.parametrize(
    "pages",
    [
        [available_query("acct_1", after, 200) for after in (_AFTER, _LATER)],
        [due_query(datetime.now(UTC), after=after, limit=200) for after in (_AFTER, _LATER)],
        [stale_query("acct_1", 2, after, 200) for after in ((0, "rec_1"), (1, "rec_2"))],
    ],
    ids=["available", "due", "stale"],
)
def test_every_page_is_the_same_statement(pages: list[Any]):
    """Each other statement would stay in memory, compiled: 50 MiB over a hundred thousand recordings."""
    texts = {str(page.compile()) for page in pages}
    assert len(texts) == 1
