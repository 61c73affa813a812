"""Simulated CRM systems behind a real socket, asked by the guarded client of the vault: adapters send plain HTTP."""

import asyncio
import json
import signal
import sys
from functools import partial

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, NUMBER, RESTRICTED, SIGNIFICANT, forms_of
from vault.domain.crm.exchange import CrmAccess, CrmReply
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted
from vault.errors import FetchFailed
from vault.simulator.crm.command import answer_by
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.server import provider_server
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.outside import GuardedOutside


@pytest.mark.parametrize("name", sorted(BY_NAME))
async def test_a_record_is_created_changed_and_removed_over_http(name):
    """Headers, ids in paths, numbers in queries and empty answers pass a socket as they pass a test."""
    system, peer = BY_NAME[name], SIMULATED_CRM[name]()
    async with provider_server() as server:
        server.answer = partial(answer_by, peer)
        client = GuardedOutside(GuardedHttp(allow=[server.authority]))
        token = peer.key if system.key_field is not None else peer.tokens.pair()[0]
        settings = {**peer.settings, "api_base": server.base}
        access = CrmAccess(
            settings=settings, by="key" if system.key_field is not None else "oauth", token=token
        )
        system.check({key: value for key, value in settings.items() if key != "instance_url"})

        async def send(act, request):
            headers = request.headers_at(f"hof_1-{act}", NOW)
            said = await client.request(request.method, request.url, headers, request.body, request.hosts)
            reply = CrmReply(status=said.status, headers=said.headers, body=said.body, received_at=NOW)
            assert isinstance(system.classify(act, reply), Accepted), (request.method, said.status)
            return reply

        target = Target()
        if system.audience == "contact":
            contact = peer.add_contact(NUMBER, NUMBER, SIGNIFICANT)
            parent = peer.open_parent(contact)
            reply = await send("find", system.find(forms_of(NUMBER), access)[int(name == "freshdesk")])
            [hit] = system.candidates(reply).candidates
            target = Target(kind=hit.kind, id=hit.id, parent=parent)
        remote = system.created(await send("create", system.create(HANDOVER, target, access)))
        if (probe := system.probe(HANDOVER, target, access)) is not None:
            assert system.probed(await send("probe", probe), HANDOVER, target)
        for act, requests in (
            ("update", system.update(remote, RESTRICTED, access)),
            ("remove", system.remove(remote, HANDOVER.id, access)),
        ):
            left = list(requests)
            while left:
                reply = await send(act, left.pop(0))
                left[:0] = system.follow(act, reply, remote, HANDOVER.id, access)
        assert not any(HANDOVER.address in text for text in peer.shown())


async def test_a_simulated_system_is_reached_only_if_the_operator_lists_it():
    """The setting ``api_base`` of an account opens nothing inside the operator's network."""
    async with provider_server() as server:
        client = GuardedOutside(GuardedHttp(allow=[]))
        access = CrmAccess(settings={"api_base": server.base}, by="key", token="secret-key")
        [request] = BY_NAME["hubspot"].find(forms_of(NUMBER), access)
        with pytest.raises(FetchFailed):
            await client.request(request.method, request.url, request.headers, request.body, request.hosts)
        assert server.exchanges == []


async def test_the_command_prints_what_to_activate_and_what_stands_there():
    """Its first line is the body of a request; it ends by a signal."""
    command = (sys.executable, "-m", "vault", "simulate-crm", "slack", "--listen", "127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    assert set(first) == {"system", "key", "settings"}
    assert first["settings"]["api_base"].startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
