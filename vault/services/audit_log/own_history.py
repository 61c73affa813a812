"""Account objects in the store, classified by whether the database's tree contains the history in their names."""

from collections.abc import Iterable, Mapping, Sequence

from vault.batches import batches
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.stored.account_object_name import (
    PREFIX,
    ObjectName,
    SortedNames,
    parse_location,
    sort_names,
)
from vault.ports.objects import ObjectStore
from vault.services.audit_log.checkpoints import root_of

#: Roots computed per transaction, each from a few dozen nodes.
_BATCH_SIZE = 32


async def account_object_names(objects: ObjectStore, account_id: str | None = None) -> list[ObjectName]:
    """List the names of the stored account objects, of one account or of all. Raises Unavailable."""
    prefix = PREFIX if account_id is None else f"{PREFIX}{account_id}/"
    names = [parse_location(stored.key) async for stored in objects.list(prefix)]
    return [name for name in names if name is not None]


async def sort_by_history(database: Database, names: Iterable[ObjectName]) -> SortedNames:
    """Classify names by the database's tree. Raises Unavailable."""
    known = list(names)
    sizes = sorted({name.size for name in known if name.size is not None})
    roots: dict[int, bytes] = {}
    for batch in batches(sizes, _BATCH_SIZE):
        roots |= await database.read(lambda tx, batch=batch: _roots(tx, batch))  # type: ignore[misc]
    return sort_names(known, roots)


def _roots(tx: Transaction, sizes: Sequence[int]) -> Mapping[int, bytes]:
    head = tx.tree.head()
    return {size: root_of(tx, size) for size in sizes if size <= head.size}
