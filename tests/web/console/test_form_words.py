"""What a form asks for is said at its field, with commands that can be pasted as they are."""

import html
import re
import subprocess
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House


@pytest.mark.parametrize(("algorithm", "shown"), [("Ed25519", "of-ed25519"), ("ES256", "of-es256")])
def test_the_commands_of_a_key_pair_are_those_of_its_algorithm(
    house: House, tenant: Tenant, tmp_path: Path, algorithm: str, shown: str
):
    """They are run as they stand: the key that they make is registered with the signature that they make."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/connections/keys/links"
    page = client.get(f"{path}/new")
    form = form_of(page, path)
    commands = re.findall(rf'<pre class="code {shown}" tabindex="0">(.*?)</pre>', page.text, re.DOTALL)
    assert len(commands) == 2
    (tmp_path / "challenge.txt").write_text(form["challenge"])
    proof = ""
    for command in commands:
        done = subprocess.run(
            ["sh", "-ec", html.unescape(command)], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        proof = done.stdout
    sent = {"title": "crm", "algorithm": algorithm, "proof": proof, "max_life": "3600", "max_sessions": "1"}
    sent |= {"public_key": (tmp_path / "public-key.pem").read_text(), "kinds.player": "on"}
    made = client.post(path, data=form | sent)
    assert made.status_code == 303, re.findall(r'class="wrong".*?</span>', made.text)


@pytest.mark.parametrize(
    ("typed", "field", "label"),
    [
        ({"contract": "signed"}, "contract.signed_on", "Signed on"),
        (
            {"contract": "draft", "contract.signed_on": "2026-02-02", "contract.ends_on": "2026-02-01"},
            "contract.ends_on",
            "Contract ends on",
        ),
    ],
)
def test_a_date_of_a_contract_is_asked_for_at_its_field(
    house: House, tenant: Tenant, typed: dict[str, str], field: str, label: str
):
    """In the words of its label."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/registers/recipients"
    entry = {
        "title": "Hosting Co",
        "role": "processor",
        "purpose": "Hosting",
        "country": "FR",
        "since": "2026-01-01",
    }
    wrong = client.post(path, data=form_of(client.get(f"{path}/new"), path) | entry | typed)
    assert wrong.status_code == 422
    said = re.findall(r'class="wrong" data-field="([^"]+)" id="[^"]+">([^<]*)<', wrong.text)
    assert [name for name, _ in said] == [field]
    assert said[0][1].startswith(f"\u201c{label}\u201d ")


def test_the_settings_of_a_platform_have_the_labels_of_the_form(house: House, tenant: Tenant):
    """Not the names that REST has for the fields."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/connections"
    made = tenant.http.put(
        tenant.url("/connections/phones"),
        json={"provider": "twilio", "credentials": {"account_sid": "AC" + "0" * 32, "auth_token": "t"}},
    )
    assert made.status_code < 300, made.text
    page = client.get(f"{path}/phones").text
    assert "\u201cWhere a call continues\u201d" in page
    assert "\u201cShared key SID\u201d and \u201cShared key\u201d" in page
    assert "next_url" not in page
    assert "shared_key" not in page


def test_an_act_on_the_audio_of_a_notice_keeps_what_is_typed(house: House, tenant: Tenant):
    """The file goes with the fields of the text, which are saved; so does the removal. A wrong field stops both."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/consent/notices"
    draft = {"language": "en", "audience": "caller", "mode": "announce", "text": "Before."}
    made = client.post(path, data=form_of(client.get(f"{path}/new"), path) | draft)
    page = made.headers["location"].partition("?")[0]
    for form in re.findall(r"<form .*?</form>", client.get(page).text, re.DOTALL):
        assert ('type="file"' in form) == ('name="text"' in form)

    def typed(text: str) -> dict[str, str]:
        return form_of(client.get(page), page) | draft | {"text": text, "beep": "none"}

    sound = {"file": ("a.wav", AUDIO, "audio/wav")}
    assert client.post(f"{page}/audio", data=typed("Typed, with a file."), files=sound).status_code == 303
    shown = client.get(page).text
    assert "Typed, with a file.</textarea>" in shown
    assert "<audio " in shown
    wrong = client.post(f"{page}/audio/removal", data=typed("Typed.") | {"language": "??"})
    assert (wrong.status_code, 'id="wrong-language"' in wrong.text) == (422, True)
    assert "Typed.</textarea>" in wrong.text
    assert client.post(f"{page}/audio/removal", data=typed("Typed, without.")).status_code == 303
    shown = client.get(page).text
    assert "Typed, without.</textarea>" in shown
    assert "<audio " not in shown


def test_who_engages_a_recipient_is_chosen_by_name(house: House, tenant: Tenant):
    """Neither itself nor one that has ended can be chosen, but the one that is; no field asks for an id."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/registers/recipients"
    entry = {"role": "processor", "purpose": "Hosting", "country": "FR", "since": "2026-01-01"}

    def enter(name: str, **more: str) -> str:
        sent = form_of(client.get(f"{path}/new"), path) | entry | {"title": name} | more
        made = client.post(path, data=sent)
        assert made.status_code == 303, made.text
        return made.headers["location"].partition("?")[0]

    def offered(page: str) -> list[str]:
        found = re.search(r'<select id="field-parent".*?</select>', client.get(page).text, re.DOTALL)
        assert found is not None
        return re.findall(r">([^<]+)</option>", found[0])

    first = enter("Hosting Co")
    second = enter("Backup Co", parent=first.rpartition("/")[2])
    assert offered(first) == ["the account", "Backup Co"]
    end = form_of(client.get(first), f"{first}/end") | {"name": tenant.name, "until": ""}
    assert client.post(f"{first}/end", data=end).status_code == 303
    assert offered(f"{path}/new") == ["the account", "Backup Co"]
    assert offered(second) == ["the account", "Hosting Co"]


def test_a_gap_of_the_record_leads_to_where_it_is_filled(house: House, tenant: Tenant):
    """Each link opens a page that has the field, and a part that nobody runs is ticked there."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/registers"
    page = client.get(path).text
    listed = page[page.index("The record is not complete") : page.index('id="who-title"')]
    links = dict(re.findall(r'<li><a href="([^"]+)">([^<]+)</a></li>', listed))
    assert "the controller" in links.values()
    for address in links:
        target, _, field = html.unescape(address).partition("#")
        shown = client.get(target)
        assert shown.status_code == 200
        assert not field or f'id="{field}"' in shown.text
    parts = [unquote(address.partition("?part=")[2]) for address in links if "?part=" in address]
    assert "connection/main" in parts
    for part in parts:
        ticked = client.get(f"{path}/recipients/new?part={quote(part, safe='')}").text
        assert f'name="covers" value="{part}" checked' in ticked
    assert "The page for callers says that no fixed period is set." in page
