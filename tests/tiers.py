"""The two tiers of the suite: a test with the marker ``proof`` is run by ``make proofs``, all others by ``make test``.

A folder or file gets the marker here. Where only some parameters of a test need a server of their own, they carry
the marker themselves (``tests/ports/conftest.py``).
"""

from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
#: Below tests/: the folders and files of ``make proofs``, and why they are not in ``make test``.
PROOFS: dict[str, str] = {
    "failover": "pairs of PostgreSQL servers and poolers",
    "faults": "kills, races and full disks, each with servers of its own",
    "golden/old_vault": "servers on a vault that an older release wrote",
    "hostile": "every parser on inputs that double in size",
    "infra": "moto with every stack, Ceph, Docker Compose",
    "test_bench.py": "the benchmark in tiny sizes",
    "test_collection.py": "parallel runs of pytest within a test",
    "test_event_receivers.py": "receivers as processes, and Node.js",
    "test_examples.py": "a server, and Node.js",
    "test_link_minters.py": "every language that is installed",
    "test_make_run.py": "a command as a process",
    "test_pages.py": "the commands of all documentation pages",
    "test_site.py": "builds the documentation site",
    "web/test_closed_account.py": "every operation and form, in both states of a closure",
    "web/test_grantors.py": "a key and a session for each set of scopes",
    "web/test_growth.py": "some hundred objects of every kind",
    "web/clients": "generators of clients, with Node.js",
    # Audio: each test of these decodes in processes of its own.
    "audio/test_confinement.py": "confined processes",
    "audio/test_describer.py": "confined processes",
    "audio/test_describer_accounts.py": "confined processes",
    "audio/test_odd_files.py": "hundreds of broken files; every odd file in confined processes",
    "audio/test_prompt.py": "confined processes",
    "audio/test_spoken_notices.py": "every default notice, spoken",
    # Databases.
    "database/test_claims.py": "queues of 100,000 rows",
    "database/test_disk_full.py": "a full file system",
    "database/test_history_guard.py": "schemas that are dropped and made again",
    "database/test_kill.py": "kills processes in the middle of writes",
    "database/test_connection_check.py": "PostgreSQL servers that are started again",
    "database/test_migrate.py": "every version of the schema",
    "database/test_postgresql_pair.py": "a pair of PostgreSQL servers",
    "database/test_postgresql_pooler.py": "PgBouncer",
    "database/test_postgresql_standby.py": "a pair of PostgreSQL servers",
    "database/test_rebased_leaves.py": "a crash after each step",
    "database/test_sqlite.py": "thousands of writes beside readers",
    "database/test_switch_race.py": "races",
    "ports/test_database_restoring.py": "what only a restore does",
    "ports/test_database_rotation.py": "what only a rotation does",
    # Servers of keys and objects.
    "keyservice/test_starting.py": "OpenBao, and servers of the vault",
    "keyservice/test_openbao.py": "OpenBao",
    "keyservice/test_openbao_answers.py": "OpenBao",
    "keyservice/test_outages.py": "moto and OpenBao, stopped and sealed",
    "keyservice/test_own_keys.py": "moto and OpenBao",
    "objects/test_s3_locks.py": "moto and Ceph",
    "objects/test_s3_faults.py": "moto",
    # Services: stores that lie, nodes that race, vaults that are restored.
    "services/requests/test_receipt_bytes.py": "every byte of a receipt",
    "services/backup/test_account_object_histories.py": "every order of two nodes",
    "services/events/test_verifiers.py": "Node.js",
    "services/audit_log/test_rsyslog.py": "rsyslog of Debian",
    "services/audit_log/test_anchor.py": "nodes that wait for each other",
    "services/audit_log/test_anchor_histories.py": "every order of two nodes; what dead processes left",
    "services/closing_acts/test_closing.py": "vaults that are lost, after each closing act",
    "services/accounts/test_deleted_connections.py": "recordings in every state",
    "services/playback/test_end_sessions.py": "listeners who wait",
    "services/consent/test_evidence_races.py": "races on PostgreSQL",
    "services/consent/test_evidence_swaps.py": "every swap of two stored values",
    "services/ingest/test_faults.py": "a fault at each call of the store",
    "services/backup/test_fsck.py": "a whole vault for each damage",
    "services/backup/test_fsck_log.py": "a whole vault for each damage",
    "services/ingest/test_idle_uploads.py": "uploads that wait",
    "services/consent/test_refusal_proofs.py": "random sequences on both databases, and each fault of before put back",
    "services/admission/test_impossible_consent.py": "every impossible report of consent",
    "services/closing_acts/test_journal.py": "closing acts and their objects",
    "services/closing_acts/test_journal_settled.py": "restores in between",
    "services/recordings/test_leave.py": "erasures against sweeps",
    "services/recordings/test_leave_together.py": "two nodes at the same moment",
    "services/audit_log/test_log_attacks.py": "every attack on the log",
    "services/closing_acts/test_look.py": "recovery mode that begins and ends",
    "services/key_rotation/test_own_key.py": "keys that are taken away and come back",
    "services/ingest/test_names_of_a_call.py": "each door after each, and races on two nodes",
    "services/ingest/test_pipeline.py": "something beside each step of an ingest",
    "services/ingest/test_pipeline_costs.py": "moto",
    "services/ingest/test_provider_copies.py": "provider copies in every state",
    "services/audit_log/test_publish.py": "a store that fails at each step",
    "services/admission/test_quarantine.py": "every end of a quarantine",
    "services/backup/test_restore.py": "vaults that are lost and restored",
    "services/requests/test_hold_races.py": "races",
    "services/requests/test_old_backup.py": "vaults that are lost and restored",
    "services/outbox/test_handover_kills.py": "processes that are killed",
    "services/outbox/test_kills.py": "processes that are killed",
    "services/requests/test_kills.py": "processes that are killed",
    "services/retention/test_hold_races.py": "races",
    "services/retention/test_object_locks_ceph.py": "Ceph",
    "services/retention/test_holds_restored.py": "vaults that are lost and restored",
    "services/backup/test_restore_accounts.py": "vaults that are lost and restored",
    "services/backup/test_restore_damaged.py": "vaults that are lost and restored",
    "services/backup/test_restore_forked.py": "vaults that are lost and restored",
    "services/backup/test_restore_rotated.py": "vaults that are lost and restored",
    "services/backup/test_restore_named.py": "vaults that are lost and restored",
    "services/backup/test_restore_postgresql.py": "vaults that are lost and restored",
    "services/key_rotation/test_rotate.py": "rotations from end to end",
    "services/key_rotation/test_rotation_races.py": "races",
    "services/accounts/test_sent_again.py": "uploads in every state, sent again",
    "services/audit_log/test_store_went_back.py": "moto",
    # The web: every route with every value, and an app of its own for some tests.
    "web/console/test_every_form.py": "every field of every form",
    "web/console/test_names.py": "every page of an account that has something of everything",
    "web/console/test_closure.py": "an account that is closed in the console",
    "web/console/test_journey.py": "two people in a browser",
    "web/console/test_pages.py": "every page in a browser",
    "web/console/test_range.py": "Chromium",
    "web/console/test_tick_all.py": "Chromium",
    "web/console/test_wrong_sign_ins.py": "10,000 requests",
    "web/console/test_print_and_contrast.py": "every page in a browser, in two languages",
    "web/console/test_right_to_left.py": "every page in a browser",
    "web/console/test_ten_thousand.py": "ten thousand recordings",
    "web/test_access.py": "every route with wrong keys and scopes",
    "web/test_contract.py": "schemathesis on every route",
    "web/test_dead_links.py": "addresses that wait",
    "web/test_erased_answers.py": "a vault of its own for each stored answer",
    "web/test_fake_audio.py": "files decoded in confined processes",
    "web/test_foreign_ids.py": "every route with foreign ids",
    "web/test_long_histories.py": "access logs of thousands of events",
    "web/test_notices.py": "prompts made in confined processes",
    "web/test_recovery.py": "every route in recovery mode",
    "web/test_repeats.py": "requests that wait for each other",
    "web/test_strange_addresses.py": "every route with strange paths",
    "web/test_tampered_audio.py": "every change of a stored object",
    "web/test_tracing.py": "apps with OpenTelemetry",
    "web/test_typed_words.py": "every text of the contract, sought in all files",
    # Journeys: browsers, many nodes, attacks.
    "journeys/test_slow_tenants.py": "load; two nodes on PostgreSQL",
    "journeys/test_rotate_command.py": "backups beside a running server; rotations that are killed",
    "journeys/test_player_trouble.py": "Chromium",
    "journeys/test_player_reports.py": "Chromium",
    "journeys/test_package_page.py": "Chromium",
    "journeys/test_commands.py": "an account that is closed by the command; every command as a process",
    "journeys/test_command_line.py": "commands as processes",
    "journeys/test_consent_journeys.py": "consent from the key press to the withdrawal",
    "journeys/test_consent_table.py": "every row of the table of consent",
    "journeys/test_evidence.py": "every kind of evidence",
    "journeys/test_hanging_store.py": "a full file system; moto behind a proxy",
    "journeys/test_history.py": "whole lives of recordings",
    "journeys/test_hostile_consent.py": "attacks of every provider",
    "journeys/test_hostile_deliveries.py": "attacks of every provider",
    "journeys/test_log_commands.py": "every command as a process",
    "journeys/test_log_hygiene.py": "every line that is logged, in cold processes",
    "journeys/test_many_nodes.py": "many nodes on PostgreSQL",
    "journeys/test_many_processes.py": "many processes on PostgreSQL",
    "journeys/test_own_key.py": "OpenBao; moto",
    "journeys/test_player.py": "Chromium",
    "journeys/test_player_around.py": "Chromium",
    "journeys/test_player_access.py": "Chromium",
    "journeys/test_player_controls.py": "Chromium",
    "journeys/test_player_notes.py": "Chromium",
    "journeys/test_player_looks.py": "Chromium",
    "journeys/test_player_removed.py": "Chromium",
    "journeys/test_process_memory.py": "processes that read another's memory",
    "journeys/test_restore.py": "vaults that are lost and restored",
    "journeys/test_simulated_providers.py": "every provider",
    "journeys/test_console_journey.py": "a provider in Node.js, and Chromium in three ways",
    "journeys/test_sign_in_at_a_provider.py": "a provider in Node.js, and Chromium",
    "journeys/test_start.py": "every start that is refused",
    "journeys/test_three_browsers.py": "Chromium, Firefox and WebKitGTK",
    "journeys/test_move_account.py": "two vaults as processes",
    "journeys/test_two_vaults.py": "two vaults on PostgreSQL",
}
_PATHS = frozenset(TESTS / name for name in PROOFS)


@cache
def in_proofs(path: Path) -> bool:
    """Say whether the table names a file or folder, or a folder above it."""
    return not _PATHS.isdisjoint((path, *path.parents))


@cache
def may_mark(path: Path) -> bool:
    """Say whether a file, or a conftest.py above it, can mark single parameters: it has one of the words for it."""
    above = [folder / "conftest.py" for folder in path.parents if folder != TESTS and TESTS in folder.parents]
    return any(
        word in file.read_text()
        for file in [path, *above]
        if file.exists()
        for word in ("mark.proof", "rights_cases")
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Save each tier the import of what it would deselect."""
    path = collection_path
    if config.option.markexpr == "not proof" and in_proofs(path):
        return True
    if config.option.markexpr == "proof" and path.suffix == ".py" and not (in_proofs(path) or may_mark(path)):
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the table names. What would never run is an error: ``make proofs`` does not see its file."""
    for item in items:
        if in_proofs(item.path):
            item.add_marker(pytest.mark.proof)
        elif item.get_closest_marker("proof") is not None and not may_mark(item.path):
            raise pytest.UsageError(f"{item.nodeid}: mark it in its file or folder, or in tests/tiers.py")
