"""The service, which dies while a directory tells that somebody left: before the commit, behind it, and answered."""

from typing import Final

from tests.faults.dying_at import Point, put_death_at
from vault.cli.main import main
from vault.services.closing_acts.journal import Journal
from vault.services.sign_in import provisioned_users
from vault.services.sign_in.provisioned_users import ProvisionedUsers

#: Whether what the directory told is on disk at this point.
LEAVING: Final = {
    Point(name="the end is written", owner=provisioned_users, call="end_person", edge="behind"): False,
    Point(name="the end is committed", owner=Journal, call="put", edge="before"): True,
    Point(name="the end is stored", owner=Journal, call="put", edge="behind"): True,
    Point(name="the end is done", owner=ProvisionedUsers, call="change", edge="behind"): True,
}


def prepare() -> None:
    """Put a death at every point."""
    for point in LEAVING:
        put_death_at(point)


if __name__ == "__main__":
    prepare()
    main()
