"""Starting on a root key that cannot be used, and on one that is not the vault's.

From one root key to another of another kind, and what is left of the first: nothing.
"""

from pathlib import Path

import pytest

from tests.servers.key_faults import Fault, bao_says, drops, key_proxy
from tests.servers.openbao import OpenBao
from tests.support.tenant import Tenant, tone
from tests.support.web_house import House, open_house
from vault.composition.assemble import assemble
from vault.errors import StartRefused, Unavailable
from vault.settings import Settings, read_settings

AUDIO = tone(0.5)


def settings(folder: Path, url: str) -> Settings:
    """Return the settings of a vault in a folder, with a root key."""
    return read_settings({"VAULT_DATA_DIR": str(folder / "data"), "VAULT_ROOT_KEY_URL": url})


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.faults
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (drops, "The key service does not answer."),
        (bao_says(400, "encryption key not found"), "The key service does not know the key."),
    ],
    ids=["down", "deleted"],
)
async def test_a_vault_waits_for_its_root_key(
    openbao: OpenBao, tmp_path: Path, fault: Fault, words: str
) -> None:
    """New or not, it starts with its root key or not at all, says why and what to do, and makes no other key."""
    with key_proxy(f"https://{openbao.host}", openbao.ca) as proxy:
        url = openbao.url_of(openbao.new_key()).replace(openbao.host, proxy.host).replace("?", "?tls=off&")
        ours = settings(tmp_path, url)
        for _ in ("new", "old"):
            proxy.fault = fault
            with pytest.raises(Unavailable) as waiting:
                async with assemble(ours):
                    pass
            assert str(waiting.value) == (
                f"{words} Without its root key the vault does not start, and nothing was sealed. Once the key "
                "service lets it use the key that VAULT_ROOT_KEY_URL names, start it again."
            )
            proxy.fault = None
            async with assemble(ours):
                pass
    assert sorted(path.name for path in (tmp_path / "data").glob("*.key")) == []


@pytest.mark.faults
async def test_another_root_key_does_not_start(openbao: OpenBao, tmp_path: Path) -> None:
    """Another key of the same service, or a new file, is not the root key; the right one still is."""
    right = settings(tmp_path, openbao.url_of(openbao.new_key()))
    async with assemble(right):
        pass
    before = contents(tmp_path / "data" / "objects")
    with pytest.raises(StartRefused, match="not the one that this vault was made with"):
        async with assemble(settings(tmp_path, openbao.url_of(openbao.new_key()))):
            pass
    with pytest.raises(StartRefused, match="file is missing"):
        async with assemble(settings(tmp_path, f"file://{tmp_path}/root.key")):
            pass
    assert contents(tmp_path / "data" / "objects") == before
    async with assemble(right):
        pass


def heard(house: House, tenant: Tenant, recording: str) -> bytes:
    """Return the audio of a recording."""
    return (
        house.client({"Authorization": f"Bearer {house.key}"})
        .get(tenant.url(f"/recordings/{recording}/audio"))
        .content
    )


@pytest.mark.parametrize("kind", ["a file", "another key of OpenBao"])
def test_a_vault_moves_to_openbao(openbao: OpenBao, tmp_path: Path, kind: str) -> None:
    """While it moves both root keys open; afterwards the first can be destroyed, and all is still heard."""
    key = openbao.new_key()
    old = f"file://{tmp_path}/old.key" if kind == "a file" else openbao.url_of(key)
    new = openbao.url_of(openbao.new_key())
    with open_house(tmp_path, VAULT_ROOT_KEY_URL=old) as house:
        tenant = Tenant.open(house.admin)
        first = tenant.uploaded(AUDIO)
    with open_house(tmp_path, VAULT_ROOT_KEY_URL=new, VAULT_PREVIOUS_ROOT_KEY_URL=old) as house:
        assert heard(house, tenant, first) == AUDIO
        tenant.http = house.admin
        second = tenant.uploaded(AUDIO, call="c-2", ref="r-2")
        house.call(house.vault.key_rotation.rewrap_root_key, actor="operator")
    if kind == "a file":
        (tmp_path / "old.key").unlink()
    else:
        openbao.delete(key)
    with open_house(tmp_path, VAULT_ROOT_KEY_URL=new) as house:
        assert [heard(house, tenant, one) for one in (first, second)] == [AUDIO] * 2
        assert Tenant.open(house.admin).uploaded(AUDIO)
