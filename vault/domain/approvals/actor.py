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


#: Why two actors may be one human. ``same``: it is the same one. ``approver_let_in``: who asks made the other one.
#: ``asker_let_in``: who approves made who asks. ``own_roles``: who approves gave the roles to himself.
#: ``both_let_in``: a third one made both. ``not_known``: a maker is not known, or cannot be told apart.
BarrierKind = Literal["same", "approver_let_in", "asker_let_in", "own_roles", "both_let_in", "not_known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """Why one actor does not approve for another."""

    kind: BarrierKind
    #: Who made both, of ``both_let_in``.
    by: str | None = None


def barrier_between(asks: Actor, approves: Actor) -> Barrier | None:
    """Return why two actors may be one human; None if they can only be two people.

    Neither made the other, and the one who approves did not give the roles for that to himself. A key that made two
    keys, or one and the sign-in of a person, may hold both; people who sign in are told apart by their identities.
    Whose line of makers is not known to its end is not independent of anybody.
    """
    if asks.name.id == approves.name.id:
        return Barrier(kind="same")
    if asks.is_cut or approves.is_cut or may_be_one(asks.name, approves.name):
        return Barrier(kind="not_known")
    made: tuple[tuple[BarrierKind, Name, tuple[Name, ...]], ...] = (
        ("approver_let_in", asks.name, approves.made_by),
        ("asker_let_in", approves.name, asks.made_by),
        ("own_roles", approves.name, approves.made_by),
    )
    for kind, name, makers in made:
        if any(name.id == maker.id for maker in makers):
            return Barrier(kind=kind)
        if any(may_be_one(name, maker) for maker in makers):
            return Barrier(kind="not_known")
    both_invited = asks.name.is_invited and approves.name.is_invited
    if asks.name.kind == approves.name.kind == "person" and not both_invited:
        return None
    return _third_between(asks, approves)


def _third_between(asks: Actor, approves: Actor) -> Barrier | None:
    thirds = [(one, other) for one in asks.made_by for other in approves.made_by if may_be_one(one, other)]
    by = next((one.id for one, other in thirds if one.id == other.id), None)
    if by is not None:
        return Barrier(kind="both_let_in", by=by)
    return Barrier(kind="not_known") if thirds else None


def is_independent(asks: Actor, approves: Actor) -> bool:
    """Return whether two actors can only be two people."""
    return barrier_between(asks, approves) is None
