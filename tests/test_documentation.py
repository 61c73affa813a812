"""The pages are tested like code: links, names and paths exist, and what can be pasted is run.

A page is Markdown. A block marked ``sh run`` is run, all of a page in one shell; ``python file=NAME`` is
written to that file first; ``json shown`` and ``text shown`` say what the block before printed, where an
ellipsis stands for anything.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import typer

from tests.support.fast_yaml import committed_contract
from vault.cli.main import app
from vault.ports.telephony import Provider
from vault.settings import _KNOWN, DEFAULT_PUBLIC_URL, read_settings
from vault.telephony.registry import PROVIDERS
from vault.version import VERSION

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md"]
RUNNABLE = [page for page in PAGES if "```sh run\n" in page.read_text()]
#: What the pages say for the server, the account and the media server, which here are others.
SERVER, ACCOUNT, MEDIA = DEFAULT_PUBLIC_URL, "acme", "127.0.0.1:8090"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAIR = re.compile(r'"([\w-]+)":\s*("(?:[^"\\]|\\.)*"|-?[\d.…]+|true|false|null)')
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
URL = re.compile(r"(?:https?|postgresql|file)://[^\s\"'`)>\]]+")
REST = re.compile(
    r"(?:\b(GET|PUT|PATCH|POST|DELETE|HEAD) )?"
    r"(?:(?<=\$VAULT)|(?<![\w.-]))(/(?:v1|webhooks|p|s)/[^\s\"'`)>?|,]+|/(?:health|ready)z|/metrics)"
)
#: A path from the root of a file system, in code; what the image and a usual server have is allowed.
ABSOLUTE = re.compile(r"(?<![\w.$}~/:-])/(?!v1/|webhooks/|p/|s/|console/)[a-z]+/[\w./-]+")
ALLOWED_PATHS = (
    "/var/lib/vault", "/dev/null",
    # Those of the units for systemd, of nginx and of haproxy.
    "/var/lib/callvault", "/opt/callvault", "/etc/callvault", "/etc/systemd/system", "/etc/nginx", "/etc/haproxy",
    "/usr/sbin/nologin",
)  # fmt: skip
PROVIDER = re.compile(r'"provider": "(?!platform)\w+"')
ALLOWED_HOSTS = re.compile(
    r"api\.aircall\.io|truststore\.pki\.rds\.amazonaws\.com|127\.0\.0\.1|localhost|([\w-]+\.)*example(\.com)?|(www\.)?(github\.com|ietf\.org|rfc-editor\.org|standardwebhooks\.com)"
)


def name_of(page: Path) -> str:
    """Return a page as a test id."""
    return page.relative_to(ROOT).with_suffix("").as_posix().removeprefix("docs/")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_readers_python_stays_theirs(page: Path) -> None:
    """The vault's environment comes last on the path: a page's own scripts need packages that it does not have."""
    paths = re.findall(r"export PATH=(.*)", page.read_text())
    assert {path for path in paths if ".venv-run" in path} <= {"$PATH:$PWD/.venv-run/bin"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of a page is there, with its heading where it names one."""
    for target in {first or second for first, second in LINK.findall(page.read_text())}:
        if urlsplit(target).scheme:
            continue
        name, _, heading = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{target} is not there"
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}, (
                target
            )


def test_every_page_is_in_the_table_of_pages() -> None:
    """A page that the README does not name is found by nobody."""
    names = [page.relative_to(ROOT).as_posix() for page in PAGES[1:]]
    assert [name for name in names if f"({name})" not in README.read_text()] == []


def test_every_page_says_where_to_go_next() -> None:
    """A page ends with the section Next, which has links: nobody has to go back to an index."""
    last = {page.name: page.read_text().rpartition("\n## ")[2] for page in PAGES[1:]}
    assert [
        name for name, text in last.items() if not (text.startswith("Next\n") and LINK.search(text))
    ] == []


def test_the_readme_begins_with_its_readers() -> None:
    """The first screen: the two commands, the picture, and a row with one link for each reader."""
    first = README.read_text().split("\n## ")[0]
    assert [part in first for part in ("make run", "make test", "docs/path-of-a-recording.svg")] == [True] * 3
    for reader in ("platform developer", "agent", "admin", "operator"):
        (row,) = re.findall(rf"^\| an? {reader}\b.*$", first, re.MULTILINE)
        assert len(LINK.findall(row)) == 1


@pytest.mark.parametrize("page", sorted(one.name for one in (ROOT / "docs").glob("connect-*.md")))
def test_who_sends_recordings_reads_of_quarantine(page: str) -> None:
    """The first recording of a real call often waits there; the page says what to do about it."""
    assert re.search(r"\]\(\S+#[\w-]*quarantine\)", (ROOT / "docs" / page).read_text())


@pytest.mark.parametrize("platform", PROVIDERS, ids=lambda one: one.name)
def test_the_page_of_a_platform_names_its_credentials(platform: Provider) -> None:
    """Each that it takes, and by its name in REST."""
    (page,) = (ROOT / "docs").glob(f"connect-{'a-' * platform.is_own_software}{platform.name}.md")
    fields = [one.name for one in platform.credential_fields]
    assert [name for name in fields if not re.search(rf"[`\"]{name}\\?[`\"]", page.read_text())] == []


def test_nobody_is_said_to_have_heard_what_was_sent() -> None:
    """The log knows what was sent; a browser or a kernel may keep it, so no page says who heard a recording."""
    assert [page.name for page in PAGES if re.search(r"\bwho (?:has )?heard\b", page.read_text())] == []


def test_the_browsers_that_are_promised_are_those_that_ci_plays_in() -> None:
    """Named in the README, driven by the smoke test, installed in CI; of Safari the page says that it was not tried."""
    played = (ROOT / "tests" / "journeys" / "three_browsers.py").read_text()
    (names,) = re.findall(r"^BROWSERS\b.*= {(.*)}$", played, re.MULTILINE)
    assert re.findall(r'"(\w+)"', names) == ["chromium", "firefox", "webkit"]
    said = " ".join(README.read_text().split())
    assert "the tests play audio in Debian's Chromium, Firefox ESR and WebKitGTK" in said
    script = (ROOT / ".ci" / "run").read_text().split()
    assert {"chromium", "firefox-esr", "webkitgtk-webdriver"} <= set(script)
    share = " ".join((ROOT / "docs" / "share-a-recording.md").read_text().split())
    assert "Safari was not tested" in share


def rows(page: str) -> dict[str, str]:
    """Return the rows of a page's table, by the code in their first cell."""
    text = (ROOT / "docs" / page).read_text()
    return {row[1]: row[0] for row in re.finditer(r"^\| `([^`]+)`.*$", text, re.MULTILINE)}


def test_the_settings_are_those_there_are() -> None:
    """The table has every setting, with its default, and no page names another."""
    table = rows("settings.md")
    assert set(table) == _KNOWN
    for name, default in [
        ("VAULT_PUBLIC_URL", DEFAULT_PUBLIC_URL),
        ("VAULT_WORKERS", "4"),
        ("VAULT_LOG_LEVEL", "INFO"),
        (
            "VAULT_ACCOUNT_LIMITS",
            ",".join(f"{name}={value}" for name, value in asdict(read_settings({}).account_limits).items()),
        ),
        ("VAULT_QUEUE", str(read_settings({}).max_queue)),
    ]:
        assert f"`{default}`" in table[name]
    for page in PAGES:
        assert set(re.findall(r"\bVAULT_[A-Z_]+[A-Z]", page.read_text())) <= _KNOWN, page.name


def commands() -> set[str]:
    """Return the commands there are, such as ``keys create``."""
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group | typer.core.TyperGroup)
    found = set()
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {one}" for one in inner} if inner else {name}
    return found


def test_the_commands_are_those_there_are() -> None:
    """The table has every command, and no page calls another."""
    groups = "|".join({name.split()[0] for name in commands() if " " in name})
    assert {
        re.match(
            rf"callvault ((?:(?:{groups}) )?[a-z-]+)",
            row,
        )[1]
        for row in rows("commands.md")
    } == commands()
    first = {name.split()[0] for name in commands()}
    for page in PAGES:
        text = page.read_text()
        code = [body for _, _, body in BLOCK.findall(text)] + re.findall(r"`[^`\n]+`", text)
        named = re.compile(r"(?:^|[`(])callvault (\w[a-z-]+)", re.MULTILINE)
        called = {name for part in code for name in named.findall(part)}
        assert called <= first, page.name


def contract_paths() -> dict[str, dict[str, object]]:
    """Return the paths of openapi.yaml, each with its methods."""
    paths: dict[str, dict[str, object]] = committed_contract()["paths"]
    return paths


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_are_in_the_contract(page: Path) -> None:
    """Every REST path of a page is one of openapi.yaml; with a method before it, that method is too."""
    contract = contract_paths()
    for method, path in REST.findall(page.read_text()):
        fitting = [known for known in contract if same_path(known, path.rstrip(".:;"))]
        assert fitting, f"{path} is not in the contract"
        # HEAD is GET without a body, and not written down for itself.
        wanted = {"head": "get"}.get(method.lower(), method.lower())
        assert not wanted or any(wanted in contract[known] for known in fitting), f"{method} {path}"


def same_path(known: str, path: str) -> bool:
    """Say whether a path, with its values in it, is an instance of one of the contract."""
    ours, theirs = path.split("/"), known.split("/")
    return len(ours) == len(theirs) and all(
        their == our or (their.startswith("{") and our != "") for our, their in zip(ours, theirs, strict=True)
    )


def refusals() -> Iterator[str]:
    """Yield the beginning of every sentence with which starting is refused."""
    for path in sorted((ROOT / "vault").rglob("*.py")):
        text = path.read_text()
        if path.stem == "demo" or "StartRefused(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "StartRefused":
                texts = [
                    n.value.strip()
                    for n in ast.walk(node.args[0])
                    if isinstance(n, ast.Constant) and isinstance(n.value, str)
                ]
                # A first piece that is short stands before a path or another value.
                telling = next(text for text in texts if len(text) > len("The marker"))
                yield re.split(r"[:.;(,]", telling)[0].strip()


@pytest.mark.parametrize("sentence", sorted(set(refusals())))
def test_an_operator_finds_what_a_refusal_means(sentence: str) -> None:
    """Every sentence with which the vault refuses to start stands in operate.md."""
    assert sentence in " ".join((ROOT / "docs" / "operate.md").read_text().split())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_belongs_to_no_place(page: Path) -> None:
    """No page names a host beyond examples, specifications and a provider, or a path of somebody's machine."""
    text = page.read_text()
    hosts = {urlsplit(url).hostname or "" for url in URL.findall(text) if not url.startswith("file:")}
    assert [host for host in hosts if "$" not in host and not ALLOWED_HOSTS.fullmatch(host)] == []
    assert [path for path in ABSOLUTE.findall(URL.sub("", text)) if not path.startswith(ALLOWED_PATHS)] == []


def test_the_release_is_named_where_somebody_reads_it() -> None:
    """The newest dated section of the changelog is of this version, under an Unreleased one; so are the images."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    dated = [re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)", one) for one in headings[1:]]
    assert all(dated)
    assert dated[0] is not None
    assert dated[0][1] == VERSION
    for name in ("infra/aws/Dockerfile", "docs/deploy-on-aws.md"):
        assert set(re.findall(r"callvault:(\d[\w.]*)", (ROOT / name).read_text())) == {VERSION}, name
    # It builds what is checked out, which is no release.
    assert re.findall(r"image: (callvault:.*)", (ROOT / "infra" / "compose.yaml").read_text()) == [
        "callvault:local"
    ]


def test_the_picture_can_be_read_by_light_and_by_dark() -> None:
    """The picture is XML with a title and no script, and has colours for both."""
    picture = (ROOT / "docs" / "path-of-a-recording.svg").read_text()
    assert [s in picture for s in ("<title ", "prefers-color-scheme: dark", "<script")] == [True, True, False]


def test_nobody_is_told_to_install_a_name_that_anybody_may_register() -> None:
    """The package is not on PyPI: ``pip install callvault`` would install whatever somebody puts there."""
    files = [
        *PAGES,
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "vault").rglob("*.py"),
        ROOT / "Makefile",
        ROOT / "Dockerfile",
    ]
    told = re.compile(r"pip install[^\n`]*[\s'\"]callvault\b(?!\.)")
    assert [str(file) for file in files if told.search(file.read_text())] == []
