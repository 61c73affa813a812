"""Who asks for an act and who approves it, and whether these are two people."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["key", "person", "system"]
#: Actors that no person signs in as: the worker asks for itself, the operator has the control socket.
SYSTEM = frozenset({"worker", "operator"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An API key, a person, or a part of the vault."""

    kind: ActorKind
    #: The name in the access log: a key's id, a person's id, ``worker`` or ``operator``.
    id: str
    #: Who made a key, who made that one, and so on, nearest first; empty for a key that the operator made. Who last set
    #: the sign-in connection of a person made that person's roles. A person is (connection, issuer, subject): two
    #: sign-ins of one person have one id.
    made_by: tuple[str, ...] = ()


def is_independent(asks: Actor, approves: Actor) -> bool:
    """Return whether two actors can only be two people.

    Neither made the other, and the one who approves did not give the roles for that to himself. A key that made two
    keys, or one and the sign-in of a person, may hold both; people who sign in through one connection are told apart
    by the provider.
    """
    if (
        asks.id == approves.id
        or asks.id in approves.made_by
        or approves.id in {*asks.made_by, *approves.made_by}
    ):
        return False
    if asks.kind == approves.kind == "person":
        return True
    return not set(asks.made_by) & set(approves.made_by)
