"""What is particular to the store in a directory: modes, folders, full disks and killed writers."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vault.errors import NotFound, StartRefused, Unavailable
from vault.objects.directory import DirectoryStore
from vault.thread_pools import Threads

LATER = datetime.now(UTC) + timedelta(days=1)
MEBIBYTE = bytes(1024 * 1024)


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads for one store."""
    made = Threads("test", 4)
    yield made
    made.close()


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


async def write(store: DirectoryStore, key: str, *blocks: bytes) -> None:
    writer = await store.create(key)
    try:
        for block in blocks:
            await writer.write(block)
        await writer.finish()
    finally:
        await writer.abort()


async def test_nobody_else_may_look_in(tmp_path: Path, threads: Threads) -> None:
    """Files are 0600 and folders 0700, whatever the umask, also in a directory that was open before."""
    root = tmp_path / "store"
    root.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        store = DirectoryStore(root, threads)
        await write(store, "a/b/written", b"x")
        await store.put("a/b/put", b"x")
        unfinished = await store.create("a/c")
    finally:
        os.umask(before)
    paths = [root, *root.rglob("*")]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()}
    assert modes == {0o700}
    files = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()}
    assert files == {0o600}
    await unfinished.abort()


async def test_empty_folders_go_with_their_last_object(tmp_path: Path, threads: Threads) -> None:
    """Deleting the last object below a folder removes the folder, and no folder that holds something."""
    store = DirectoryStore(tmp_path, threads)
    for key in ("a/b/c/one", "a/b/c/two", "a/three"):
        await store.put(key, b"")
    await store.delete("a/b/c/one")
    assert everything(tmp_path) == [".incoming", "a", "a/b", "a/b/c", "a/b/c/two", "a/three"]
    await store.delete("a/b/c/two")
    assert everything(tmp_path) == [".incoming", "a", "a/three"]
    await store.delete("a/three")
    assert everything(tmp_path) == [".incoming"]


async def test_a_directory_that_went_away_is_unavailable(tmp_path: Path, threads: Threads) -> None:
    """When the directory is not there (not mounted), no object is called missing and none is written."""
    store = DirectoryStore(tmp_path / "store", threads)
    await store.put("key", b"x")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    for refused in (
        store.get("key"),
        store.size("key"),
        store.read("key", 0, 1),
        store.put("key", b"y"),
        store.create("other"),
        store.delete("key"),
        store.abort_uploads("", before=LATER),
    ):
        with pytest.raises(Unavailable):
            await refused
    with pytest.raises(Unavailable):
        _ = [found async for found in store.list("")]
    assert not (tmp_path / "store").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "store")
    assert await store.get("key") == b"x"


async def test_a_link_is_not_followed(tmp_path: Path, threads: Threads) -> None:
    """A symbolic link under a key leads nowhere, and is not listed as what it points to."""
    (tmp_path / "outside").write_bytes(b"outside the store")
    store = DirectoryStore(tmp_path / "store", threads)
    (tmp_path / "store" / "key").symlink_to(tmp_path / "outside")
    with pytest.raises(Unavailable):
        await store.get("key")
    with pytest.raises(NotFound):
        await store.size("key")


@pytest.mark.parametrize("what", ["fifo", "socket", "folder", "device"])
async def test_what_is_no_file_is_no_object(tmp_path: Path, threads: Threads, what: str) -> None:
    """A FIFO, socket, folder or device in the place of an object holds no reader: it is missing, and not listed."""
    store = DirectoryStore(tmp_path / "store", threads)
    await store.put("a/key", b"x")
    place = tmp_path / "store" / "a" / "key"
    place.unlink()
    _put_in_place(place, what)
    for read in (lambda: store.get("a/key"), lambda: store.read("a/key", 0, 1), lambda: store.size("a/key")):
        task = asyncio.ensure_future(read())
        await asyncio.wait({task}, timeout=5)
        waits = not task.done()
        if waits:
            # Let the thread go, or it would hold the whole run.
            os.close(os.open(place, os.O_WRONLY | os.O_NONBLOCK))
            await asyncio.wait({task})
        assert not waits
        with pytest.raises(NotFound):
            task.result()
    assert [found.key async for found in store.list("")] == []


def _put_in_place(place: Path, what: str) -> None:
    match what:
        case "fifo":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                # Its path would be too long from the root.
                before = Path.cwd()
                os.chdir(place.parent)
                try:
                    bound.bind(place.name)
                finally:
                    os.chdir(before)
        case "folder":
            place.mkdir()
        case "device":
            try:
                os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("making a device takes root")


async def test_a_place_that_cannot_be_made_refuses_the_start(tmp_path: Path, threads: Threads) -> None:
    """A store below a plain file refuses to start."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StartRefused):
        DirectoryStore(tmp_path / "file" / "store", threads)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, which takes root to mount."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False, capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("needs root to mount a small tmpfs; the limit on file sizes stands in for it below")
    yield place
    subprocess.run(["umount", place], check=True)


async def test_a_full_disk_is_unavailable_and_recovers(small_disk: Path, threads: Threads) -> None:
    """Without room both ways of writing raise Unavailable and keep nothing; with room they work again."""
    store = DirectoryStore(small_disk / "store", threads)
    await store.put("v1/here", MEBIBYTE)
    with pytest.raises(Unavailable, match="no free space"):
        await store.put("v1/put", MEBIBYTE + b"x")
    with pytest.raises(Unavailable, match="no free space"):
        await write(store, "v1/written", *[MEBIBYTE[:300_000]] * 5)
    with pytest.raises(Unavailable, match="no free space"):
        # A few bytes are kept in the process until finish, so the disk says no only there.
        await write(store, "v1/late", MEBIBYTE, b"x" * 100)
    assert everything(small_disk / "store") == [".incoming", "v1", "v1/here"]
    await store.delete("v1/here")
    await write(store, "v1/written", MEBIBYTE, b"end")
    assert await store.size("v1/written") == len(MEBIBYTE) + 3


LIMITED = """
    import asyncio, resource, signal, sys
    from pathlib import Path
    from vault.errors import Unavailable
    from vault.objects.directory import DirectoryStore
    from vault.thread_pools import Threads

    async def main(store):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        for write in (store.put("put", bytes(200_000)), written(store)):
            try:
                await write
            except Unavailable as error:
                print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.put("after", bytes(200_000))
        print([found.key async for found in store.list("")], list(store.incoming.iterdir()))

    async def written(store):
        writer = await store.create("written")
        try:
            await writer.write(bytes(200_000))
            await writer.finish()
        finally:
            await writer.abort()

    threads = Threads("test", 2)
    asyncio.run(main(DirectoryStore(Path(sys.argv[1]), threads)))
    threads.close()
"""


def test_a_limit_on_file_sizes_is_unavailable_and_recovers(tmp_path: Path) -> None:
    """Beyond the limit of a file's size both ways of writing raise Unavailable and keep nothing."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(LIMITED), tmp_path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.splitlines() == ["The object store has no free space."] * 2 + ["['after'] []"]


KILLED = """
    import asyncio, sys
    from pathlib import Path
    from vault.objects.directory import DirectoryStore
    from vault.thread_pools import Threads

    async def main(store):
        await store.put("v1/whole", b"whole")
        writer = await store.create("v1/half")
        await writer.write(bytes(3_000_000))
        print("written", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main(DirectoryStore(Path(sys.argv[1]), Threads("test", 2))))
"""


async def test_a_killed_writer_leaves_nothing_visible(tmp_path: Path, threads: Threads) -> None:
    """After kill -9 the object is under no key, what remains is swept, and the key can be written."""
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    writer = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"written\n"
    writer.send_signal(signal.SIGKILL)
    await writer.wait()
    store = DirectoryStore(tmp_path, threads)
    assert [found.key async for found in store.list("")] == ["v1/whole"]
    with pytest.raises(NotFound):
        await store.size("v1/half")
    assert len(list(store.incoming.iterdir())) == 1
    assert await store.abort_uploads("v2/", before=LATER) == 0
    assert await store.abort_uploads("v1/", before=LATER) == 1
    assert list(store.incoming.iterdir()) == []
    await write(store, "v1/half", b"now whole")
    assert await store.get("v1/half") == b"now whole"
