"""The CRM in memory with its state in a file: it outlives the processes of the vault that reach it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fakes.crm import NotebookPeer
from vault.domain.outbox.attempt import Answer

#: Its file, beside the folder of a vault: what the vault stores in clear is looked for there alone.
CRM: Final = "crm.json"
_FIELDS: Final = ("contacts", "records", "requests", "_number")
_SETS: Final = ("keys", "access", "refresh")
_CLIENT: Final = ("client_id", "client_secret", "codes")


@dataclass
class KeptNotebook:
    """The system itself. What a request changed is in the file before its answer is given."""

    file: Path
    #: Is called in front of each request, and between its effect and its answer.
    edge: Callable[[], None] = lambda: None

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        self.edge()
        peer = self.read()
        answer = await peer(method, url, headers, body)
        self.write(peer)
        self.edge()
        return answer

    def read(self) -> NotebookPeer:
        """Return the system as it is; an empty one before anything is written."""
        peer = NotebookPeer()
        if self.file.exists():
            said = json.loads(self.file.read_text())
            for owner, names in _parts(peer):
                for name in names:
                    value = said[name]
                    setattr(owner, name, set(value) if name in _SETS else value)
        return peer

    def write(self, peer: NotebookPeer) -> None:
        """Write the system as it is now."""
        said: dict[str, Any] = {}
        for owner, names in _parts(peer):
            for name in names:
                value = getattr(owner, name)
                said[name] = sorted(value) if name in _SETS else value
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(said))
        new.replace(self.file)


def _parts(peer: NotebookPeer) -> list[tuple[object, tuple[str, ...]]]:
    return [(peer, (*_FIELDS, "keys")), (peer.tokens, ("access", "refresh", *_CLIENT))]
