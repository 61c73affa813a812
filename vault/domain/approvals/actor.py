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
    #: Who made a key, who made that one, and so on, nearest first. Empty for a person, and for a key that the operator
    #: made. A person is (connection, issuer, subject): two sign-ins of one person have one id.
    made_by: tuple[str, ...] = ()


def is_independent(first: Actor, second: Actor) -> bool:
    """Return whether the two can be two people: neither made the other, and nobody made both."""
    return not {first.id, *first.made_by} & {second.id, *second.made_by}
