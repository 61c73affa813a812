"""Static files of a log: the tiles of a size are those that c2sp.org/tlog-tiles defines, and hold its hashes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rfc6962 import mth
from tests.tlog.grown import Grown, numbered
from vault.errors import Tampered
from vault.tlog.tiles import MAX_LEAF_BYTES, Tile, grown_tiles, read_bundle, write_bundle


@pytest.mark.parametrize(
    ("index", "width", "place"),
    [
        (0, 256, "000"),
        (67, 256, "067"),
        (999, 1, "999.p/1"),
        (1000, 256, "x001/000"),
        (1_234_067, 256, "x001/x234/067"),
        (1_234_067, 255, "x001/x234/067.p/255"),
        (1_000_000_000, 256, "x001/x000/x000/000"),
    ],
)
def test_paths_are_those_of_the_specification(index, width, place):
    """Three digits to a folder, all but the last with an x, and the width of what is not full."""
    tile = Tile(level=2, index=index, width=width)
    assert (tile.path, tile.bundle_path) == (f"tile/2/{place}", f"tile/entries/{place}")
    assert tile.full == (width == 256)


def test_the_example_of_the_specification():
    """A tree of 70,000 has 273 full tiles at level 0, one at level 1, and three partial ones."""
    tiles = list(grown_tiles(0, 70_000))
    assert [sum(t.full for t in tiles if t.level == level) for level in range(3)] == [273, 1, 0]
    assert [(t.level, t.index, t.width) for t in tiles if not t.full] == [
        (0, 273, 112),
        (1, 1, 17),
        (2, 0, 1),
    ]


@pytest.mark.parametrize(
    ("old", "new", "tiles"),
    [
        (0, 0, []),
        (5, 5, []),
        (0, 1, [(0, 0, 1)]),
        (1, 255, [(0, 0, 255)]),
        (255, 256, [(0, 0, 256), (1, 0, 1)]),
        (256, 257, [(0, 1, 1)]),
        (300, 700, [(0, 1, 256), (0, 2, 188), (1, 0, 2)]),
        (65_535, 65_536, [(0, 255, 256), (1, 0, 256), (2, 0, 1)]),
    ],
)
def test_growth_writes_what_was_not_there(old, new, tiles):
    """From one size to the next, each tile that is new or wider, and no other."""
    assert [(t.level, t.index, t.width) for t in grown_tiles(old, new)] == tiles


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=4).map(sorted))
def test_growing_step_by_step_leaves_nothing_out(sizes):
    """Whatever the steps, in the end every tile of the last size was written with its last width."""
    written = {}
    for old, new in zip([0, *sizes], sizes, strict=False):
        written |= {(t.level, t.index): t.width for t in grown_tiles(old, new)}
    assert written == {(t.level, t.index): t.width for t in grown_tiles(0, sizes[-1])}


def test_a_tile_holds_the_hashes_that_the_specification_names():
    """MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l]), from the nodes that a store has."""
    leaves = numbered(1000)
    grown = Grown(leaves)
    for tile in grown_tiles(0, 1000):
        span = 256**tile.level
        for place in range(tile.start, tile.start + tile.width):
            assert grown.node(8 * tile.level, place) == mth(leaves[place * span : (place + 1) * span])


def test_a_bundle_is_lengths_and_leaves():
    """Each leaf after its length in two bytes, the larger first."""
    leaves = [b"", b"a", b"b" * 256, b"c" * MAX_LEAF_BYTES]
    bundle = write_bundle(leaves)
    assert bundle[:5] == b"\x00\x00\x00\x01a"
    assert bundle[5:7] == b"\x01\x00"
    assert read_bundle(bundle) == leaves
    assert read_bundle(b"") == []
    with pytest.raises(ValueError, match="at most 65535"):
        write_bundle([b"d" * (MAX_LEAF_BYTES + 1)])


@pytest.mark.parametrize("cut", [1, 2, 100, 257])
def test_a_bundle_that_was_cut_is_refused(cut):
    """Lengths that do not add up are no bundle."""
    with pytest.raises(Tampered):
        read_bundle(write_bundle([b"a", b"b" * 256])[:-cut])
