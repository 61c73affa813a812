"""`callvault verify-move`: from the log where an account was, across the statement, into the log where it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.services.audit_log.test_access_log import leaves_of
from tests.services.moves.conftest import THERE, TwoVaults
from tests.support.rfc6962 import mth
from tests.support.service_house import SIGNER, House
from tests.support.whole_log import read_account_export
from vault.cli.move import verify_move
from vault.control.log_commands import perform_log
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import State
from vault.errors import Invalid, NotFound, Tampered
from vault.tlog.move_statement import MoveStatement, parse_move_statement, write_move_statement
from vault.tlog.note import Signer, sign_note

KEYS = {"before_key": SIGNER.verifier.write(), "after_key": THERE.verifier.write()}
STRANGER = Signer(name=THERE.name, secret=bytes(range(2, 34)))


@dataclass(frozen=True)
class Files:
    """What somebody keeps of a move."""

    folder: Path
    statement: MoveStatement

    @property
    def parts(self) -> Mapping[str, Path]:
        """Return the statement and the two exports, as the command takes them."""
        return {name: self.folder / name for name in ("statement", "before", "after")}

    def verify(self, **more: str) -> None:
        """Run the command over the files."""
        parts = self.parts
        verify_move(
            parts["statement"], before=str(parts["before"]), after=str(parts["after"]), **(KEYS | more)
        )

    def sign(self, *signers: Signer, **changed: object) -> None:
        """Replace the statement by another one."""
        text = write_move_statement(replace(self.statement, **changed))
        self.parts["statement"].write_bytes(sign_note(text, signers or (SIGNER, THERE)))


async def add(house: House, account_id: str) -> None:
    """Append an entry of an account."""
    one = AccessEvent(type="waveform.read", at=datetime.now(UTC), account_id=account_id, actor="key_test")
    await house.database.write(lambda tx: tx.events.append(one) and None)
    await house.vault.jobs.log_publisher.sequence()


async def part_of(house: House, account: str, *, earlier: Sequence[int] = ()) -> bytes:
    """Export an account's part of the log, as `callvault log export --account` does."""

    async def ask(command: str, **arguments: object):
        return await perform_log(house.vault, f"log.account-{command}", arguments, actor="operator")

    head = await ask("head", account=account)
    text, at = head["text"], 0
    while at < head["size"]:
        found = await ask(
            "entries", account=head["account"], start=at, size=head["size"], earlier=list(earlier)
        )
        text, at = text + found["text"], found["end"]
    return text.encode()


async def whole(house: House) -> bytes:
    """Export the whole log."""
    return b"".join([part async for part in await house.vault.audit_log.proofs.export(None)])


async def moved(vaults: TwoVaults, folder: Path) -> Files:
    """Move an account that has entries in both logs, and keep the statement."""
    for house, ref in ((vaults.here, "before"), (vaults.arrived, "after")):
        recording_id = (await house.announce(ref, call_ref=ref)).recording_id or ""
        assert await house.settle(recording_id) is State.AVAILABLE
        if ref == "before":
            note = (await vaults.move("leaver", actor="operator")).statement or b""
    files = Files(folder, parse_move_statement(note.decode().partition("\n\n")[0] + "\n"))
    files.parts["statement"].write_bytes(note)
    return files


@pytest.fixture
async def files(vaults: TwoVaults, tmp_path: Path) -> Files:
    """The account's exports of both logs, which have gone on since."""
    kept = await moved(vaults, tmp_path)
    other = await vaults.here.vault.accounts.accounts.find("acme")
    for house in (vaults.here, vaults.there):
        await add(house, other.id)
    before = await part_of(vaults.here, "leaver", earlier=[kept.statement.size])
    read_account_export(before, KEYS["before_key"])
    kept.parts["before"].write_bytes(before)
    kept.parts["after"].write_bytes(await part_of(vaults.there, "leaver"))
    return kept


async def test_both_logs_and_the_statement_are_verified(files: Files, capsys: pytest.CaptureFixture[str]):
    """With the keys alone, from the account's own entries; the counts are of both sides of the move."""
    files.verify()
    shown = capsys.readouterr().out
    assert f"account      {files.statement.account_id}" in shown
    assert f"left         {SIGNER.name}, entry {files.statement.size - 1} of" in shown
    assert f"arrived in   {THERE.name}" in shown
    assert "are right" in shown


async def test_an_export_of_everything_serves_as_well(files: Files, vaults: TwoVaults):
    """It can be compared at every size."""
    files.parts["before"].write_bytes(await whole(vaults.here))
    files.parts["after"].write_bytes(await whole(vaults.there))
    files.verify()


async def test_a_statement_that_is_not_of_both_logs_is_refused(files: Files):
    """One key alone, a stranger's key of the same name, and logs in the wrong order."""
    files.verify()
    for signers, match in (
        ([SIGNER], f"no signature of {THERE.name}"),
        ([THERE], f"no signature of {SIGNER.name}"),
        ([SIGNER, STRANGER], f"no signature of {THERE.name}"),
    ):
        files.sign(*signers)
        with pytest.raises(Tampered, match=match):
            files.verify()
    files.sign(origin=THERE.name, destination=SIGNER.name)
    with pytest.raises(Tampered, match="is of a move from"):
        files.verify()


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"root": bytes(32)}, "is not what it was"),
        ({"account_id": "acct_other"}, "no entry account.moved"),
        ({"tables": {}}, "no entry account.moved"),
        ({"moved_at": datetime(2026, 1, 1, tzinfo=UTC)}, "no entry account.arrived"),
    ],
)
async def test_a_statement_of_something_else_is_refused(files: Files, changed: dict[str, object], match: str):
    """Both keys signed it, and the logs do not say what it says."""
    files.sign(**changed)
    with pytest.raises(Tampered, match=match):
        files.verify()


async def test_a_statement_about_the_time_before_the_account_left_is_refused(files: Files, vaults: TwoVaults):
    """The log that it names had the account still."""
    size = files.statement.size - 1
    files.parts["before"].write_bytes(await whole(vaults.here))
    files.sign(size=size, root=mth((await leaves_of(vaults.here))[:size]))
    with pytest.raises(Tampered, match="left after"):
        files.verify()


async def test_a_file_that_cannot_be_compared_is_named(files: Files, vaults: TwoVaults):
    """An account's part that was exported without the size of the statement, and one that ends before it."""
    other = await vaults.here.vault.accounts.accounts.find("acme")
    for _ in range(8):
        await add(vaults.here, other.id)
    # As if other accounts had entries between the cut and the statement.
    size = files.statement.size + 5
    files.sign(size=size, root=mth((await leaves_of(vaults.here))[:size]))
    files.parts["before"].write_bytes(await part_of(vaults.here, "leaver"))
    with pytest.raises(Invalid, match=f"checkpoint of {size} entries"):
        files.verify()
    files.parts["before"].write_bytes(await part_of(vaults.here, "leaver", earlier=[size]))
    with pytest.raises(Tampered, match=r"no entry account\.arrived"):
        files.verify()
    lines = files.parts["before"].read_bytes().splitlines()
    files.parts["before"].write_bytes(b"\n".join(lines[:-2]) + b"\n")
    with pytest.raises(Tampered, match="missing"):
        files.verify()


async def test_nothing_of_the_account_is_before_its_arrival(vaults: TwoVaults, tmp_path: Path):
    """An entry there that no statement connects to what was before."""
    await add(vaults.there, vaults.here.account.id)
    files = await moved(vaults, tmp_path)
    await vaults.there.vault.jobs.log_publisher.sequence()
    files.parts["before"].write_bytes(await whole(vaults.here))
    files.parts["after"].write_bytes(await whole(vaults.there))
    with pytest.raises(Tampered, match="before its arrival"):
        files.verify()


async def test_only_an_account_that_was_here_is_exported(vaults: TwoVaults):
    """By its name or id, before its move and after it."""
    assert await part_of(vaults.here, "leaver") == await part_of(vaults.here, vaults.here.account.id)
    with pytest.raises(NotFound):
        await part_of(vaults.here, "nobody")


async def test_the_text_has_one_spelling(files: Files):
    """What is not spelled as it is written is refused."""
    text = write_move_statement(files.statement)
    assert parse_move_statement(text) == files.statement
    for other in (
        text + "\n", text[:-1], text + "carried recordings 1 " + "0" * 64 + "\n", text.replace(" 1 ", " 01 "),
        text.replace("carried ", "carried  ", 1), text.replace("account move v1", "account move v2"), "",
    ):  # fmt: skip
        with pytest.raises(Tampered):
            parse_move_statement(other)
