"""Copies the pages of the repository to where the site is built, with links that work there.

On a code host a page links to any file. On the site a Markdown file is a page, another file is shown as a page of
its own, and a link to what does not exist ends the build.
"""

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

#: Pages that are at another place on the site.
MOVED = {
    "docs/concepts.md": "index.md",
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing/index.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "examples/README.md": "examples.md",
    "docs/contributing/decisions/README.md": "contributing/decisions/index.md",
    "openapi/openapi.yaml": "reference/index.md",
}
PICTURES = {".svg", ".png", ".webp"}
#: A block of code whose first line has a word for the tests, which is none for a highlighter.
FENCE = re.compile(r"^(\s*)```(\w+) (?:file=(\S+)|\S+)$", re.MULTILINE)
BLOCK = re.compile(r"^(\s*```.*?^\s*```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
LANGUAGES = {
    ".py": "python",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".js": "javascript",
    ".mjs": "javascript",
}
NOT_SEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"


class BrokenLink(Exception):
    """A page links to what is not there."""


@dataclass
class Stage:
    """The pages of a repository, on their way to the folder that the generator reads."""

    root: Path
    target: Path
    #: Files that are shown as pages because a page links to them.
    shown: set[str] = field(default_factory=set)

    def __call__(self) -> list[str]:
        """Write every page; return their places on the site."""
        pages = sorted(path.relative_to(self.root).as_posix() for path in self._pages())
        for page in pages:
            text = (self.root / page).read_text("utf-8")
            self._write(self.place_of(page), self.rewrite(page, text))
        for name in sorted(self.shown):
            language = LANGUAGES.get(Path(name).suffix, "text")
            text = (self.root / name).read_text("utf-8").rstrip("\n")
            self._write(
                self.place_of(name),
                f"{NOT_SEARCHED}# {Path(name).name}\n\n`{name}`\n\n````{language}\n{text}\n````\n",
            )
        return [self.place_of(page) for page in pages]

    def _pages(self) -> list[Path]:
        named = [self.root / name for name in MOVED if name.endswith(".md")]
        formats = [*(self.root / "vault").rglob("FORMAT.md")]
        documents = [*(self.root / "docs").rglob("*.md")]
        return [*{*named, *formats, *documents}]

    def place_of(self, name: str) -> str:
        """Return where a file of the repository is on the site."""
        if name in MOVED:
            return MOVED[name]
        path = Path(name)
        if path.name == "FORMAT.md":
            return f"formats/{path.parent.name.replace('_', '-')}.md"
        if path.parts[0] == "docs":
            return Path(*path.parts[1:]).as_posix()
        return name if path.suffix in PICTURES else f"source/{name}.md"

    def rewrite(self, page: str, text: str) -> str:
        """Return a page with links and fences as the site wants them; what is in a block of code stays."""
        parts = BLOCK.split(text)
        # A split with one group: what is outside a block, then a block, and so on.
        parts[::2] = [LINK.sub(lambda link: self._link(page, link), part) for part in parts[::2]]
        parts[1::2] = [FENCE.sub(_fence, part, count=1) for part in parts[1::2]]
        return "".join(parts)

    def _link(self, page: str, link: re.Match[str]) -> str:
        picture, words, target = link.groups()
        if urlsplit(target).scheme or target.startswith("#"):
            return link[0]
        name, _, heading = target.partition("#")
        found = Path(os.path.normpath(Path(page).parent / name)).as_posix()
        if not (self.root / found).is_file():
            raise BrokenLink(f"{page}: {target} is not a file")
        place = self.place_of(found)
        if Path(found).suffix in PICTURES:
            self._copy(found, place)
        elif place.startswith("source/"):
            self.shown.add(found)
        there = os.path.relpath(place, Path(self.place_of(page)).parent)
        # The words of a link may have a link of their own in a picture; nothing of it is a page.
        return f"{picture}[{words}]({there}{'#' + heading if heading else ''})"

    def _copy(self, name: str, place: str) -> None:
        (self.target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.root / name, self.target / place)

    def _write(self, place: str, text: str) -> None:
        path = self.target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _fence(found: re.Match[str]) -> str:
    """Write the first line of a block of code, with the name of the file that it is."""
    indent, language, file = found.groups()
    return f'{indent}```{language} title="{file}"' if file else f"{indent}```{language}"
