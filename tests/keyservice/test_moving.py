"""From one root key to another of another kind, and what is left of the first: nothing."""

from pathlib import Path

import pytest

from tests.servers.openbao import OpenBao
from tests.support.tenant import Tenant, tone
from tests.support.web_house import House, open_house

AUDIO = tone(0.5)


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
