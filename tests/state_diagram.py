"""Writes the state diagram of recordings, as Mermaid, into the page for maintainers.

``.venv/bin/python -m tests.state_diagram`` replaces the diagram in ``docs/contributing/architecture.md``.
"""

import re
from pathlib import Path

from vault.domain.recordings.transitions import ARROWS, ENTRIES

PAGE = Path(__file__).parents[1] / "docs" / "contributing" / "architecture.md"
BLOCK = re.compile(r"^```mermaid\n(stateDiagram-v2\n.*?)^```$", re.MULTILINE | re.DOTALL)


def state_diagram() -> str:
    """Return the diagram: an arrow for each pair in ``ARROWS``, in the order of the states."""
    order = list(ARROWS)
    lines = ["stateDiagram-v2", *(f"    [*] --> {entry}" for entry in ENTRIES)]
    for state, targets in ARROWS.items():
        lines += [f"    {state} --> {target}" for target in sorted(targets, key=order.index)]
        if not targets:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Replace the diagram in the page."""
    page = PAGE.read_text()
    PAGE.write_text(BLOCK.sub(lambda _: f"```mermaid\n{state_diagram()}```", page))


if __name__ == "__main__":
    main()
