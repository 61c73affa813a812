"""The answer to a request of access names the systems that got the person's calls."""

import io
import json
import zipfile

from tests.fakes.crm import NotebookPeer
from tests.handover.erasing import carried_out
from tests.support.handing import ANN, ME, activate, call, follow, hand_over, states
from tests.support.service_house import House


async def test_a_package_says_what_was_handed_over_and_to_whom(either: House, peer: NotebookPeer):
    """Each write with its time and the system; of a call that was not handed over nothing; the vendor by its name."""
    peer.contacts = [ANN]
    first = await call(either)
    await follow(either)
    await activate(either)
    second = await call(either, "rec-2")
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]
    asked = await carried_out(either, "one", kind="access", code="provided_whole")
    read = either.vault.requests.packages.download
    _, blocks = await read(either.account.id, asked, part=1, **ME)
    files = zipfile.ZipFile(io.BytesIO(b"".join([block async for block in blocks])))
    told = {one: json.loads(files.read(f"recordings/{one}/consultations.json")) for one in (first, second)}
    assert [(one["what"], one.get("recipient")) for one in told[second]] == [("handover.sent", "notebook")]
    assert told[first] == []
    assert "notebook" in json.loads(files.read("request.json"))["recipients"]
    assert "Notebook Inc." in [one["name"] for one in json.loads(files.read("about.json"))["recipients"]]
