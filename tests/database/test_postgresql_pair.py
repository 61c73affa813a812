"""The pair that other tests rest on: what it delays, forgets, and keeps."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers import postgresql_pair as pairs
from tests.servers.postgresql_pair import postgresql_pair, wait_for


@pytest.mark.parametrize("debian", [True, False])
def test_a_promoted_standby_lacks_what_the_relay_held(debian: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promoted, it never has it; the old primary, started alone, does. With either version of PostgreSQL."""
    if not debian:
        monkeypatch.setattr(pairs, "_DEBIAN", pairs._DEBIAN / "none")
    with postgresql_pair(delay=30.0) as pair:
        pair.primary.ask("CREATE TABLE lost (x int)", "vault")
        pair.fail_over()
        assert pair.standby.ask("SELECT to_regclass('lost')", "vault") is None
        assert pair.standby.ask("SELECT pg_is_in_recovery()") is False
        pair.primary.restart_alone()
        assert pair.primary.ask("SELECT to_regclass('lost')", "vault") == "lost"


def test_a_synchronous_commit_waits_while_the_standby_stands_still_and_nothing_is_lost() -> None:
    """It waits for as long as that lasts, and what it then acknowledged is on the standby."""
    with postgresql_pair(synchronous=True) as pair, ThreadPoolExecutor(1) as thread:
        pair.standby.freeze()
        made = thread.submit(pair.primary.ask, "CREATE TABLE kept (x int)", "vault")
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        wait_for(lambda: pair.primary.ask(waits) == 1)
        assert not made.done()
        pair.standby.thaw()
        made.result(30)
        pair.fail_over()
        assert pair.standby.ask("SELECT to_regclass('kept')", "vault") == "kept"
