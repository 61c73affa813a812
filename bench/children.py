"""Servers and clients as processes of their own, asked line by line in JSON.

A child reads its standard input and ends with it, so none outlives the benchmark, however that ends.
"""

import importlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

_PATIENCE = 60.0
_FORKING = multiprocessing.get_context("forkserver")
#: Modules whose children are forks of a process that has imported them.
_IMPORTED: set[str] = set()


@dataclass(frozen=True, slots=True)
class Child:
    """One running child."""

    questions: IO[bytes]
    answers: IO[bytes]

    def ask(self, **question: Any) -> Any:
        """Send a question and return the answer. Raises RuntimeError if the child has ended."""
        self.questions.write(json.dumps(question).encode() + b"\n")
        self.questions.flush()
        return self.answer()

    def answer(self) -> Any:
        """Return the child's next line. Raises RuntimeError if it has ended."""
        line = self.answers.readline()
        if not line:
            raise RuntimeError("A process of the benchmark ended before its time.")
        return json.loads(line)


def import_once(*modules: str) -> None:
    """Fork every later child that runs one of these from one process that has imported them all.

    A run in tiny sizes would spend most of its time on importing. Where figures count, each child is a
    fresh interpreter, as a server in production is.
    """
    _FORKING.set_forkserver_preload(list(modules))
    _IMPORTED.update(modules)


@contextmanager
def child(module: str, **config: Any) -> Iterator[Child]:
    """Run ``python -m module`` with its configuration as JSON, and end it with the block."""
    begin = _forked if module in _IMPORTED else fresh_child
    with begin(module, **config) as running:
        yield running


@contextmanager
def fresh_child(module: str, **config: Any) -> Iterator[Child]:
    """Run a child in a fresh interpreter, also where others are forked: its memory is its own."""
    command = [sys.executable, "-m", module, json.dumps(config)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("The child takes no questions.")
    try:
        yield Child(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@contextmanager
def _forked(module: str, **config: Any) -> Iterator[Child]:
    asked, questions = multiprocessing.Pipe(duplex=False)
    answers, said = multiprocessing.Pipe(duplex=False)
    process = _FORKING.Process(target=_become, args=(module, json.dumps(config), asked, said))
    process.start()
    # The child has its own copies; with these open it would never see the end of its input.
    asked.close()
    said.close()
    with answers, os.fdopen(os.dup(answers.fileno()), "rb") as reading:
        try:
            with questions, os.fdopen(os.dup(questions.fileno()), "wb") as writing:
                yield Child(writing, reading)
        finally:
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()


def _become(module: str, config: str, asked: Connection, said: Connection) -> None:
    """Run a module as ``python -m`` would, between the two pipes."""
    os.dup2(asked.fileno(), 0)
    os.dup2(said.fileno(), 1)
    asked.close()
    said.close()
    sys.argv = [module, config]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor has no path
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same
    importlib.import_module(module).main()
