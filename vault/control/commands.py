"""Every command of an operator, with what it may change. A command that is not in this table does not run."""

from collections.abc import Mapping
from typing import Final

from vault.domain.start_mode import StartMode
from vault.errors import NotFound

START_MODES: Final[Mapping[str, StartMode]] = {
    "hello": StartMode.READ,
    "fsck": StartMode.READ,
    "accounts.closure": StartMode.READ,
    "requests.list": StartMode.READ,
    "sign-in.show": StartMode.READ,
    "sign-in.people": StartMode.READ,
    # What is shown of the log is anchored before, so an export may write an anchor.
    "log.head": StartMode.WRITE,
    "log.entries": StartMode.WRITE,
    "accounts.close": StartMode.WRITE,
    "approvals.break-glass": StartMode.WRITE,
    "console.invite": StartMode.WRITE,
    "export-key": StartMode.WRITE,
    "retention.preview": StartMode.WRITE,
    "retention.resume": StartMode.WRITE,
    "retention.run": StartMode.WRITE,
    "rewrite-store": StartMode.WRITE,
    "rotate.begin": StartMode.WRITE,
    "rotate.root": StartMode.WRITE,
    "rotate.step": StartMode.WRITE,
    "sign-in.delete": StartMode.WRITE,
    "sign-in.readmit": StartMode.WRITE,
    "sign-in.remove": StartMode.WRITE,
    "sign-in.set": StartMode.WRITE,
    "sweep": StartMode.WRITE,
    "keys.create": StartMode.INITIALIZE,
    "restore": StartMode.RESTORE,
}


def start_mode_of(*commands: str) -> StartMode:
    """Return the mode that these commands share. Raises NotFound for an unknown one, ValueError for two modes."""
    if unknown := [command for command in commands if command not in START_MODES]:
        raise NotFound(f"There is no command {unknown[0]!r}.")
    (mode,) = {START_MODES[command] for command in commands}
    return mode
