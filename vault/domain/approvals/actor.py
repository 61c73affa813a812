"""Who asks for an act and who approves it, and whether these are two people."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["key", "person", "system"]
#: Actors that no person signs in as: the worker asks for itself, the operator has the control socket.
SYSTEM = frozenset({"worker", "operator"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """The name of an actor in the access log, and what is known of the human behind it."""

    kind: ActorKind
    #: A key's id, a person's id, ``worker`` or ``operator``. A person is (connection, issuer, subject).
    id: str
    #: Of a person: the connection, and a keyed hash of issuer and subject, by which one human who signs in by two
    #: connections, or as an operator, is known. None where it is not known.
    connection: str | None = None
    identity: str | None = None
    #: Whether the person was invited: whoever opened the address signs in, and no provider says who that is.
    is_invited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An API key, a person, or a part of the vault."""

    name: Name
    #: Who made a key, who made that one, and so on, nearest first; empty for a key that the operator made. Everybody
    #: who has set the sign-in connection of a person made that person's roles.
    made_by: tuple[Name, ...] = ()
    #: Whether there are more makers than are followed, or one who is not known: anybody may be among them.
    is_cut: bool = False


def may_be_one(first: Name, second: Name) -> bool:
    """Return whether two names may be of one human.

    People of one connection are told apart by the provider. Of two connections they are two only where both identities
    are known: what cannot be told apart is not independent.
    """
    if first.id == second.id:
        return True
    if first.kind != "person" or second.kind != "person":
        return False
    if first.identity is not None and second.identity is not None:
        return first.identity == second.identity
    return first.connection is None or first.connection != second.connection


def is_independent(asks: Actor, approves: Actor) -> bool:
    """Return whether two actors can only be two people.

    Neither made the other, and the one who approves did not give the roles for that to himself. A key that made two
    keys, or one and the sign-in of a person, may hold both; people who sign in are told apart by their identities.
    Whose line of makers is not known to its end is not independent of anybody.
    """
    if (
        asks.is_cut
        or approves.is_cut
        or may_be_one(asks.name, approves.name)
        or any(may_be_one(asks.name, maker) for maker in approves.made_by)
        or any(may_be_one(approves.name, maker) for maker in (*asks.made_by, *approves.made_by))
    ):
        return False
    both_invited = asks.name.is_invited and approves.name.is_invited
    if asks.name.kind == approves.name.kind == "person" and not both_invited:
        return True
    return not any(may_be_one(one, other) for one in asks.made_by for other in approves.made_by)
