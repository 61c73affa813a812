"""The two tiers of the suite: a test with the marker ``proof`` is run by ``make proofs``, all others by ``make test``.

A folder or file gets the marker here. Where only some parameters of a test need a server of their own, they carry
the marker themselves (``tests/ports/conftest.py``).
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
#: Below tests/: the folders and files of ``make proofs``, and why they are not in ``make test``.
PROOFS: dict[str, str] = {
    "failover": "pairs of PostgreSQL servers and poolers",
    "faults": "kills, races and full disks, each with servers of its own",
    "infra": "moto with every stack, Ceph, Docker Compose",
    "web/clients": "generators of clients, with Node.js",
    "database/test_kill.py": "kills processes in the middle of writes",
    "database/test_kill_tree.py": "kills processes in the middle of writes",
    "database/test_postgresql_pair.py": "a pair of PostgreSQL servers",
    "database/test_postgresql_pooler.py": "PgBouncer",
    "database/test_postgresql_standby.py": "a pair of PostgreSQL servers",
    "database/test_switch_race.py": "races",
    "objects/test_object_lock.py": "moto and Ceph",
    "objects/test_s3_faults.py": "moto",
    "test_bench.py": "the benchmark in tiny sizes",
    "test_pages.py": "the commands of all documentation pages",
}


def in_proofs(path: Path) -> bool:
    """Say whether the table names a file or folder, or a folder above it."""
    return any(path == TESTS / name or TESTS / name in path.parents for name in PROOFS)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Save ``make test`` the import of what it would deselect."""
    if config.option.markexpr == "not proof" and in_proofs(collection_path):
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the table names."""
    for item in items:
        if in_proofs(item.path):
            item.add_marker(pytest.mark.proof)
