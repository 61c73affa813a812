"""The documentation site builds strictly, loads nothing from another host, and a broken link stops the build."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright

from tests.servers.required import go_without, require
from tests.support.chromium import FLAGS
from tests.support.fast_yaml import committed_contract

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "docs" / "requirements.lock"
TOOLS = ROOT / ".venv-docs"
#: What a copy of the repository needs, so that the site can be built from it.
READ = (
    "docs",
    "examples",
    "infra",
    "openapi",
    "vault",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE",
)
#: Pages of each kind: with a picture, with commands, with operations, with diagrams, with code.
LOOKED_AT = (
    "index.html",
    "connect-twilio.html",
    "reference/accounts.html",
    "contributing/architecture.html",
    "source/infra/alerts.yml.html",
)


def build(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a repository as `make docs` does."""
    if not (TOOLS / "installed").exists():
        go_without("needs the generator of the documentation site: make docs-tools")
    command = [TOOLS / "bin" / "python", root / "docs" / "site" / "build.py", folder]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    folder = tmp_path_factory.mktemp("docs")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.mark.xdist_group("site")
def test_every_page_and_every_operation_is_there(site: Path) -> None:
    """Each page of docs/ became one, and each operation of the contract has its place in the reference."""
    moved = {
        "concepts.md": "index.html",
        "contributing/decisions/README.md": "contributing/decisions/index.html",
    }
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert (site / moved.get(name, name.replace(".md", ".html"))).exists(), name
    reference = "".join(page.read_text() for page in (site / "reference").glob("*.html"))
    for path, methods in committed_contract()["paths"].items():
        assert path in reference
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in reference


@pytest.mark.xdist_group("site")
def test_the_search_finds_pages_and_operations(site: Path) -> None:
    """The index of the search has the words of both, and not the source that pages link to."""
    index = (site / "search.json").read_text()
    assert [word in index for word in ("Switch recording off", "put_switch", "quarantine_days")] == [True] * 3
    assert "source/vault" not in index


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; give its address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@pytest.mark.browser
@pytest.mark.xdist_group("site")
def test_a_browser_asks_no_other_host_and_draws_the_diagrams(site: Path) -> None:
    """Fonts, scripts, search and diagrams come with the site; no page is wider than a phone."""
    require("chromium", install="apt-get install chromium")
    with served(site) as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS])
        asked: list[str] = []
        page = chromium.new_page(viewport={"width": 390, "height": 844})
        page.on("request", lambda request: asked.append(request.url))
        for name in LOOKED_AT:
            page.goto(url + name)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            if name == "contributing/architecture.html":
                drawn = (
                    "[...document.querySelectorAll('.mermaid')].filter(one => one.clientHeight > 100).length"
                )
                page.wait_for_function(f"{drawn} === {text_of(name).count('```mermaid')}")
        chromium.close()
    assert url + "assets/mermaid.min.js" in asked
    assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []


def text_of(name: str) -> str:
    """Return the Markdown of a page of the site."""
    return (ROOT / "docs" / name.replace(".html", ".md")).read_text()


@pytest.mark.xdist_group("site")
@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[x](no-such-page.md)", "operate.md: no-such-page.md is not a file"),
        ("[x](settings.md#no-such-heading)", "anchor does not exist"),
        ("![x](https://example.com/x.png)", "loads from another host"),
    ],
)
def test_what_is_broken_stops_the_build(tmp_path: Path, added: str, said: str) -> None:
    """A page that is not there, a heading that is not there, a picture from another host."""
    copy = tmp_path / "copy"
    for name in READ:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(ROOT / name, copy / name)
    with (copy / "docs" / "operate.md").open("a") as page:
        page.write(f"\n{added}\n")
    done = build(copy, tmp_path / "built")
    assert done.returncode == 1, done.stdout
    assert said in re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)


def test_the_lock_pins_everything_with_hashes() -> None:
    """Every package of the site's lock has one exact version and a hash; the diagrams' script has its own."""
    entries = re.split(r"\n(?=[a-z0-9])", LOCK.read_text().split("\n", 2)[2])
    assert [one.splitlines()[0] for one in entries if "--hash=sha256:" not in one or "==" not in one] == []
    assert {"zensical", "pyyaml"} <= {one.partition("==")[0] for one in entries}
    digest, name = (ROOT / "docs" / "site" / "mermaid.sha512").read_text().split()
    assert len(bytes.fromhex(digest)) == len(b"\0" * 64)
    version = re.search(r"^MERMAID := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version is not None
    assert name == f"mermaid-{version[1]}.tgz"
