"""The switch's promise against the running service, and the proof that a broken promise would be seen."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.in_process import altered_vault
from tests.faults.server import second_node, vault_process
from tests.faults.switch_check import Findings, audio, check_switch, looking_at
from tests.faults.wrong_gate import with_hasty_gate
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.raw_client import ACCOUNT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

KINDS = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])


def _say(found: Findings) -> None:
    print(
        f"{found.cycles} cycles: {dict(found.states)}; answers {dict(found.answers)}; "
        f"slowest off {found.slowest_off:.3f} s; {len(found.violations)} violations"
    )


def _saw_one_come(found: Findings) -> bool:
    return any("became available while" in one for one in found.violations)


@KINDS
def test_nothing_becomes_available_once_off_has_returned(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest
) -> None:
    """Under six writers nothing enters that must not, on two nodes where the database takes them."""
    cycles = count("off and on cycles", small=6, full=150)
    url, settings = media.on("/a.wav", answer(audio())), {"VAULT_MEDIA_ALLOW": media.authority}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    with vault_process(folder, **settings) as (server, client), ExitStack() as stack:
        look, nodes = looking_at(settings.get("VAULT_DATABASE_URL", server.database)), [client]
        if kind == "postgresql":
            nodes.append(stack.enter_context(second_node(folder / "second", server, client)))
        found = check_switch(nodes, look, url, cycles)
    _say(found)
    assert not found.violations
    # It was a race: much went in, much was refused, and nothing else went wrong.
    assert found.states["available"] > cycles
    assert found.states["refused"] > cycles
    assert set(found.states) <= {"available", "refused"}
    assert set(found.answers) <= {"upload 201", "upload 409", "webhook 202", "webhook 200"}


@KINDS
def test_a_gate_that_trusts_an_old_switch_is_found_out(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest
) -> None:
    """The same check finds what a gate lets in that believes what it read a moment ago."""
    url, settings = media.on("/a.wav", answer(audio())), {"VAULT_MEDIA_ALLOW": media.authority}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    with altered_vault(folder, lambda vault: with_hasty_gate(vault, ACCOUNT), **settings) as client:
        look = looking_at(settings.get("VAULT_DATABASE_URL", folder / "data" / "vault.db"))
        found = check_switch([client], look, url, 10, enough=_saw_one_come)
    _say(found)
    assert _saw_one_come(found)
    assert [one for one in found.violations if "entered" in one]
