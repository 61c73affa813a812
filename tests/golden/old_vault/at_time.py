"""``callvault`` with a clock that is behind: ``python -m tests.golden.old_vault.at_time SECONDS serve --port 8000``.

A kept vault has links and quarantined recordings, and both expire. Its server therefore runs at the time at
which the vault was written, however old the vault is.
"""

import sys
from datetime import datetime, timedelta, tzinfo

from vault.cli.main import main
from vault.composition import adapters
from vault.database.sql import dialect


class Behind(datetime):
    """A ``datetime`` whose ``now`` is some time ago."""

    behind = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Return the time, less how far this process is behind."""
        return datetime.now(tz) - cls.behind


if __name__ == "__main__":
    Behind.behind = timedelta(seconds=float(sys.argv.pop(1)))
    for module in (adapters, dialect):
        assert hasattr(module, "datetime"), f"{module.__name__} takes the time from somewhere else"
        setattr(module, "datetime", Behind)  # noqa: B010 - a module's name, replaced for this process alone
    main()
