"""Builds the documentation site: ``make docs``, or ``.venv-docs/bin/python docs/site/build.py [FOLDER]``.

The site is in FOLDER/site, ``build/docs`` unless another is named. A broken link, a page that the navigation does
not have, or a page that would load anything from another host ends the build with status 1.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from reference import write_reference
from stage import BrokenLink, Stage

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: Draws the diagrams; installed by `make docs-tools`.
MERMAID = Path(sys.prefix) / "mermaid.min.js"
SCRIPT = '<script src="{up}assets/mermaid.min.js"></script></head>'
DIAGRAM = re.compile(r'<pre class="mermaid">(.*?)</pre>', re.DOTALL)
#: What a browser loads by itself. A link that a reader follows is none of it.
LOADED = re.compile(
    r"<(?:script|img|iframe|source|audio|video)[^>]*\ssrc=[\"']?(?:https?:)?//"
    r"|<link[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload|icon|dns-prefetch)[^>]*\bhref=[\"']?(?:https?:)?//"
    r"|<link[^>]*\bhref=[\"']?(?:https?:)?//[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload|icon|dns-prefetch)"
)


def main(folder: Path) -> None:
    """Build the site in a folder that is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    source.mkdir(parents=True)
    places = Stage(ROOT, source)()
    contract = ROOT / "openapi" / "openapi.yaml"
    pages = write_reference(yaml.safe_load(contract.read_text("utf-8")), source / "reference")
    shutil.copy(contract, source / "reference")
    shutil.copytree(HERE / "assets", source / "assets", dirs_exist_ok=True)
    shutil.copy(MERMAID, source / "assets")
    shutil.copy(HERE / "zensical.toml", folder)
    check_navigation([*places, *(f"reference/{page}" for page in pages)])
    generator = [str(Path(sys.prefix) / "bin" / "zensical"), "build", "--clean", "--strict"]
    subprocess.run(generator, cwd=folder, check=True, env={"NO_COLOR": "1"})
    for page in sorted((folder / "site").rglob("*.html")):
        finish(page, folder / "site")
    print(f"The site is in {folder / 'site'}.")


def check_navigation(places: list[str]) -> None:
    """Raise BrokenLink for a page that no reader finds."""
    named = set(re.findall(r'"([\w/-]+\.md)"', (HERE / "zensical.toml").read_text("utf-8")))
    if missing := sorted(set(places) - named):
        raise BrokenLink(f"docs/site/zensical.toml does not have {', '.join(missing)}")


def finish(page: Path, site: Path) -> None:
    """Give a page with diagrams the script that draws them, and check that nothing comes from elsewhere."""
    text = page.read_text("utf-8")
    if 'class="mermaid"' in text:
        up = "../" * len(page.relative_to(site).parent.parts)
        text = DIAGRAM.sub(_in_a_box, text.replace("</head>", SCRIPT.format(up=up)))
        page.write_text(text, "utf-8")
    if found := LOADED.search(text):
        raise BrokenLink(f"{page.relative_to(site)} loads from another host: {found[0]}")


def _in_a_box(diagram: re.Match[str]) -> str:
    """Put a diagram into a box that scrolls: one with many columns is wider than the text."""
    kind = "diagram wide" if "sequenceDiagram" in diagram[1] else "diagram"
    return f'<div class="{kind}">{diagram[0]}</div>'


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "docs").absolute())
    except (BrokenLink, subprocess.CalledProcessError) as error:
        sys.exit(f"The documentation is not right: {error}")
