"""The progress of a command that may take minutes: a bar on a terminal, a line for each step elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from vault.domain.progress import ProgressCallback, no_progress


def _name_steps() -> ProgressCallback:
    """Return a progress callback that prints each step once: a restore may take minutes."""
    named = set[str]()

    async def name(what: str, _done: int, _of: int) -> None:
        if what not in named:
            named.add(what)
            typer.echo(f"... {what}", err=True)

    return name


@contextmanager
def progress_bar(*, quiet: bool = True) -> Iterator[ProgressCallback]:
    """Yield a progress callback with labels, which shows a bar on a terminal; elsewhere a line a step, unless quiet."""
    if not sys.stderr.isatty():
        yield no_progress if quiet else _name_steps()
        return
    with typer.progressbar(length=1, file=sys.stderr, label="starting", show_eta=False) as bar:

        async def show(what: str, done: int, of: int) -> None:
            if bar.label != what:
                bar.label, bar.pos, bar.finished = what, 0, False
            # If the total is unknown, the bar never fills.
            bar.length = of or done + 1
            bar.update(done - bar.pos)

        yield show
