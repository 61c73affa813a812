"""What a name of a call stands for."""

from collections.abc import Sequence

from vault.domain.recordings.recording import CLOSED, Recording, State


def named_at(door: str | None, named: Sequence[Recording]) -> Sequence[Recording]:
    """Return which of a call's recordings of one name the name stands for at a door; empty: it is free there.

    ``door`` is the connection that announces it, or None for an upload. What came in by the door itself is first. Then
    comes what was refused or erased: it closes the name at every door. An upload is what any connection announces under
    its name, and the other way round; two connections have separate names. More than one: the name says too little.
    """
    own = [one for one in named if one.connection_id == door]
    closed = sorted(
        (one for one in named if one.state in CLOSED), key=lambda one: (one.state is State.REFUSED, one.id)
    )
    if closed and all(one.state is State.FAILED for one in own):
        return closed[:1]
    return own or [one for one in named if door is None or one.connection_id is None]
