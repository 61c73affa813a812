"""A vault whose gate writes to a database of a test's own."""

from dataclasses import replace
from typing import Any

from vault.services.service import Vault


def with_gate_database(vault: Vault, database: Any) -> Vault:
    """Return a vault whose recordings go through the gate in this database, fetched or stored before."""
    jobs = vault.jobs
    describe = replace(
        jobs.describe, database=database, admit=replace(jobs.describe.admit, database=database)
    )
    ingest = replace(jobs.ingest, admit=replace(jobs.ingest.admit, database=database))
    return replace(vault, jobs=replace(jobs, describe=describe, ingest=ingest))
