"""Servers and clients as processes of their own, asked line by line in JSON.

A child reads its standard input and ends with it, so none outlives the benchmark, however that ends.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Child:
    """One running child."""

    process: subprocess.Popen[bytes]

    def ask(self, **question: Any) -> Any:
        """Send a question and return the answer. Raises RuntimeError if the child has ended."""
        if self.process.stdin is None:
            raise RuntimeError("The child takes no questions.")
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        """Return the child's next line. Raises RuntimeError if it has ended."""
        line = self.process.stdout.readline() if self.process.stdout else b""
        if not line:
            raise RuntimeError(
                f"A process of the benchmark ended with status {self.process.wait(_PATIENCE)}."
            )
        return json.loads(line)


@contextmanager
def child(module: str, **config: Any) -> Iterator[Child]:
    """Run ``python -m module`` with its configuration as JSON, and end it with the block."""
    command = [sys.executable, "-m", module, json.dumps(config)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    try:
        yield Child(process)
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
