"""Every loop that decrypts rows goes through one helper, which lets other tasks run in between."""

import ast
import asyncio
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vault.services.shared.paced import BATCH, paced

VAULT = Path(__file__).parents[1] / "vault"
#: What runs on the event loop of a server. Stores and domain never decrypt.
ON_THE_LOOP = ("services", "web", "control", "worker")
DECRYPTS = frozenset({"open_message", "unwrap"})
_EACH_WRITES = "each round awaits a transaction of its own"
_EACH_READS = "each round awaits a request to the object store"
_IN_A_THREAD = "runs in a thread"
_IN_A_TRANSACTION = "runs in a transaction, which has a thread"
#: By file and function: loops that need no helper, and why.
EXEMPT: dict[tuple[str, str], str] = {
    ("services/retention/retention_policy.py", "history"): "lets others run after each policy: one has 100 texts",
    ("services/consent/index_numbers.py", "_objections"): "lets others run after each row",
    ("services/retention/apply_policies.py", "__call__"): _EACH_WRITES,
    ("services/retention/erase_pending_calls.py", "__call__"): _EACH_WRITES,
    ("services/audit_log/access_log.py", "list_events"): "each name that is not in memory awaits a read",
    ("services/lifecycle/redact.py", "redact"): _IN_A_TRANSACTION,
    ("services/lifecycle/redact.py", "_reseal_notes"): _IN_A_TRANSACTION,
    ("services/key_rotation/rewrap_root_key.py", "__call__"): _EACH_READS,
    ("services/key_rotation/rewrap_account.py", "reseal"): _IN_A_THREAD,
    ("services/key_rotation/rewrap_account.py", "_work_on"): _EACH_WRITES,
    ("services/key_rotation/rewrap_account.py", "_replace"): _EACH_WRITES,
    ("services/requests/execute_requests.py", "_add_once"): _IN_A_TRANSACTION,
    ("services/requests/erase_account.py", "_page"): _EACH_WRITES,
    ("services/requests/erase_account.py", "forget_answers"): _EACH_WRITES,
    ("services/requests/erase_decided.py", "__call__"): _EACH_WRITES,
    ("services/requests/erase_decided.py", "_erase_call"): _EACH_WRITES,
    ("services/backup/restore_accounts.py", "bring_in"): _EACH_WRITES,
    ("services/backup/restore_accounts.py", "_lost"): _EACH_READS,
    ("services/backup/restore_unnamed.py", "_compare"): _EACH_READS,
    ("services/backup/restore_unnamed.py", "_manifests"): _EACH_READS,
    ("services/backup/request_objects.py", "restore"): _EACH_READS,
    ("services/backup/request_objects.py", "_restore"): _EACH_READS,
    ("services/moves/carry_account.py", "rewrapped"): _EACH_READS,
    ("services/shared/peer_keys.py", "all"): "one of each vault from which accounts came",
    ("services/consent/record_consent.py", "_store"): _IN_A_TRANSACTION,
    ("services/handover/follow_log.py", "queue"): _EACH_WRITES,
    ("services/handover/follow_log.py", "queue_some"): _IN_A_TRANSACTION,
    ("services/handover/follow_log.py", "follow"): _IN_A_TRANSACTION,
    ("services/handover/follow_log.py", "_follow_account"): _IN_A_TRANSACTION,
}  # fmt: skip
_LOOPS = (ast.For, ast.AsyncFor, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Name(NamedTuple):
    """A function: of a file, or, where ``file`` is None, every function of that name in the vault."""

    file: str | None
    name: str


@cache
def trees() -> dict[str, ast.Module]:
    """Return every file of the vault."""
    return {str(path.relative_to(VAULT)): ast.parse(path.read_text()) for path in VAULT.rglob("*.py")}


@cache
def functions() -> dict[Name, list[ast.AST]]:
    """Return every function of the vault."""
    found: dict[Name, list[ast.AST]] = {}
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, _FUNCTIONS):
                found.setdefault(Name(file, node.name), []).append(node)
    return found


@cache
def imported(file: str) -> dict[str, str]:
    """Return the file from which each name of a file is imported."""
    return (
        {
            alias.asname or alias.name: f"{node.module.removeprefix('vault.').replace('.', '/')}.py"
            for node in trees()[file].body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vault.")
            for alias in node.names
        }
        if file
        else {}
    )


def calls(node: ast.AST, file: str) -> Iterator[Name]:
    """Yield what a piece of code calls: a method of ``self``, and functions of the same file or imported by name."""
    for each in ast.walk(node):
        if not isinstance(each, ast.Call):
            continue
        of = each.func
        if isinstance(of, ast.Name):
            own = Name(imported(file).get(of.id, file), of.id)
        elif isinstance(of, ast.Attribute):
            is_self = isinstance(of.value, ast.Name) and of.value.id == "self"
            own = Name(file if is_self else None, of.attr)
        else:
            continue
        yield own if own in functions() else Name(None, own.name)


@cache
def decrypting() -> frozenset[Name]:
    """Return every function that decrypts, directly or by what it calls.

    A name that several functions have counts where all of them decrypt: the code does not say which one is called.
    """
    bodies = {name: {called for node in nodes for called in calls(node, name.file or "")}
              for name, nodes in functions().items()}  # fmt: skip
    by_name: dict[str, set[Name]] = {}
    for name in bodies:
        by_name.setdefault(name.name, set()).add(name)
    found = {Name(None, name) for name in DECRYPTS} | {name for name in bodies if name.name in DECRYPTS}
    while True:
        more = {name for name, called in bodies.items()
                if (name.file or "").startswith(ON_THE_LOOP) and called & found} - found  # fmt: skip
        more |= {Name(None, name) for name, same in by_name.items() if same <= found | more} - found
        if not more:
            return frozenset(found)
        found |= more


def body_of(loop: ast.AST) -> tuple[list[ast.AST], ast.expr]:
    """Return what a loop does in each round, and what it goes over."""
    if isinstance(loop, ast.For | ast.AsyncFor):
        return list(loop.body), loop.iter
    if isinstance(loop, ast.DictComp):
        return [loop.key, loop.value], loop.generators[0].iter
    assert isinstance(loop, ast.ListComp | ast.SetComp | ast.GeneratorExp)
    return [loop.elt], loop.generators[0].iter


def unpaced(file: str) -> Iterator[str]:
    """Yield the functions of a file that decrypt in a loop without the helper; a loop over a range is a few tries."""
    for function in ast.walk(trees()[file]):
        if not isinstance(function, _FUNCTIONS):
            continue
        for loop in ast.walk(function):
            if isinstance(loop, _LOOPS):
                body, over = body_of(loop)
                hit = {name for part in body for name in calls(part, file)} & decrypting()
                helped = isinstance(over, ast.Call) and ast.unparse(over.func) in {"paced", "range"}
                if hit and not helped:
                    yield function.name


def test_every_loop_that_decrypts_lets_others_run():
    """A list of rows to decrypt has no known length, so it goes through ``paced``, or says why it need not."""
    found = {(file, name) for file in trees() if file.startswith(ON_THE_LOOP) for name in unpaced(file)}
    assert len(decrypting()) > 100
    assert found - set(EXEMPT) == set(), "use `async for … in paced(rows)`, or say in EXEMPT why it need not"
    assert set(EXEMPT) - found == set(), "remove from EXEMPT: it decrypts in no loop any more"


async def test_long_loops_and_many_short_ones_let_others_run_alike():
    """One count for all: nested loops of a few rows each are one long loop."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert [row async for row in paced(range(4 * BATCH))] == list(range(4 * BATCH))
    long = turns
    for _ in range(4 * BATCH // 5):
        assert len([row async for row in paced(range(5))]) == 5
    short = turns - long
    task.cancel()
    assert long >= 3
    assert short >= 3
