"""What every page of the console has: the navigation, who is signed in, and the words of what was just done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from vault.domain.accounts.account import Scope
from vault.domain.accounts.console_session import ConsoleSession
from vault.web.console.access import Console
from vault.web.console.forms import new_nonce
from vault.web.console.help import help_address
from vault.web.console.mistakes import Mistake
from vault.web.http.html import translated_page
from vault.web.http.translations import gettext, translatable


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """An entry of the navigation."""

    name: str
    #: Below the account's path.
    path: str
    scope: Scope
    #: Whether it is there for a session that is limited to the recordings of some agents.
    of_agents: bool = False

    def is_shown_to(self, session: ConsoleSession) -> bool:
        """Tell whether the session opens it."""
        agents = session.agents_for(self.scope)
        return agents is None or (self.of_agents and bool(agents))


#: In the order of the navigation. A section without its scope is not shown.
SECTIONS: Final[Sequence[Section]] = (
    Section(name=translatable("Overview"), path="", scope="recordings:read"),
    Section(name=translatable("Recordings"), path="/recordings", scope="recordings:read", of_agents=True),
    Section(name=translatable("Quarantine"), path="/quarantine", scope="recordings:read"),
    Section(name=translatable("Consent"), path="/consent", scope="recordings:read"),
    Section(name=translatable("People listening"), path="/people", scope="recordings:read", of_agents=True),
    Section(name=translatable("Retention and holds"), path="/retention", scope="audit:read"),
    Section(name=translatable("Requests"), path="/requests", scope="audit:read"),
    Section(name=translatable("Registers"), path="/registers", scope="audit:read"),
    Section(name=translatable("Approvals"), path="/approvals", scope="audit:read"),
    Section(name=translatable("Connections"), path="/connections", scope="settings:write"),
    Section(name=translatable("Access"), path="/access", scope="keys:write"),
    Section(name=translatable("Log"), path="/log", scope="audit:read"),
)
#: Where who may see no overview begins, if it is in their navigation: an auditor reads the log.
_FIRST: Final = ("/log",)
#: What a page says after a form was carried out, by the value of ``done`` in its address.
DONE: Final = translatable(
    {
        "provisioning_set": "The directory tells who signs in by this connection.",
        "provisioning_deleted": "The provisioning is deleted: the provider says who signs in.",
        "token_revoked": "The token is revoked: it opens nothing any more.",
        "switched_on": "Recording is on again.",
        "restricted": "The recording is restricted: nobody can play it.",
        "unrestricted": "The restriction is lifted.",
        "retried": "The recording is fetched again now.",
        "erased": "The recording is erased: its keys are destroyed.",
        "held": "The hold is placed: nothing erases the recording until it is released.",
        "link_revoked": "The link is revoked, and its sessions end.",
        "metadata_set": "The metadata is set.",
        "redacted": "The part is removed. Nobody hears the old audio any more.",
        "card_data_set": "It is set, for recordings that arrive from now on.",
        "card_data_search_begun": "Earlier recordings are searched, one after the other.",
        "card_data_search_changed": "It is done as you asked.",
        "proposal_dismissed": "The proposal is dismissed: the audio stays as it is.",
        "links_revoked": "All links of this listener are revoked, and their sessions end.",
        "switched_off": "Recording is off. What was still in progress is refused.",
        "retention_set": "The retention policy is set.",
        "hold_placed": "The hold is placed: nothing that it covers is erased.",
        "release_asked": "The release is asked for. The hold goes on until another person approves.",
        "approved": "You approved.",
        "vetoed": "It is vetoed: nothing is done.",
        "taken_back": "You have taken it back: nothing is done.",
        "asked": "Another person must approve this. Until then nothing is done.",
        "rule_set": "The rule of approvals is set.",
        "rule_off": "The rule of approvals is saved, and it is off: no act needs a second person by it.",
        "sign_in_set": "The sign-in connection is set. Enter the addresses below at the provider.",
        "sign_in_deleted": "The sign-in connection is deleted: nobody signs in by it any more.",
        "step_up_on": "From now on, people confirm that it is them before a weighty act.",
        "step_up_off": "Nobody is asked to confirm before a weighty act any more.",
        "session_ended": "The session is ended.",
        "sessions_ended": "The sessions of this person are ended.",
        "member_removed": "The person is removed, and their sessions end.",
        "member_readmitted": "The person can sign in again.",
        "member_changed": "The person is changed: it holds from the next request on.",
        "invitation_mailed": "The vault mails the address to the person: nobody else sees it.",
        "invitation_revoked": "The address is revoked: it opens nothing.",
        "key_revoked": "The key is revoked.",
        "connected": "The platform is connected. Enter the settings below there.",
        "disconnected": "The connection is deleted.",
        "account_opened": "The account is open. Recording is on.",
        "account_set": "The settings of the account are changed.",
        "rotating": "The account's key is being replaced.",
        "link_key_registered": "The key is registered: links that it signs open recordings from now on.",
        "links_cut": "The links are cut, and their sessions end.",
        "link_key_deleted": "The key is deleted: what it has signed opens nothing.",
        "consent_set": "The consent policy is set.",
        "objection_entered": "The number is entered: no recording of it becomes available.",
        "objection_ended": "The objection is ended.",
        "notice_saved": "The draft is saved.",
        "notice_published": "The notice is published: parties hear it from now on.",
        "notice_retired": "The notice is retired.",
        "notice_deleted": "The draft is deleted.",
        "request_entered": "The request is entered, and the person was searched for.",
        "request_changed": "It is recorded.",
        "record_set": "The record is changed.",
        "register_changed": "It is in the register.",
        "endpoint_changed": "The endpoint is changed, and is sent what waits for it.",
        "endpoint_deleted": "The endpoint is deleted: nothing is sent there any more.",
        "activated": "The system is activated: what becomes available from now on is handed over.",
        "integration_changed": "The integration is changed.",
        "integration_authorized": "The key is set. What waited for it goes on, removals first.",
        "integration_client_set": "The app is set. Authorize the integration next: until then nothing leaves.",
        "integration_granted": "The integration is authorized. What waited for it goes on, removals first.",
        "integration_paused": "Nothing is handed over until you resume. Removals go on.",
        "integration_resumed": "Calls are handed over again, also those of meanwhile.",
        "integration_removing": "Everything that was handed over is being removed; then the integration ends.",
        "integration_ended": "The integration has ended. What stands in the system stays there.",
        "back_filled": "The calls are handed over now.",
        "handover_decided": "It is decided, and carried out within seconds.",
        "callback_deleted": "The callback is deleted: changes of requests are not sent any more.",
        "closure_asked": "The closure is asked for. Until its time has come it can be taken back here.",
        "closure_taken_back": "The closure is taken back. Nothing has changed.",
        "request_decided": "The decision is stored, and is carried out within seconds.",
    }
)


def landing(session: ConsoleSession) -> str | None:
    """Return the section with which a session begins, below the account's path; None if it may see none."""
    shown = [one.path for one in SECTIONS if one.is_shown_to(session)]
    if "" in shown:
        return ""
    return next((path for path in _FIRST if path in shown), next(iter(shown), None))


def console_page(
    request: Request,
    allowed: Console,
    template: str,
    *,
    section: str,
    status: int = 200,
    mistake: Mistake | None = None,
    values: Mapping[str, object],
) -> Response:
    """Render a page of an account. ``section`` is the name of its entry in the navigation.

    ``mistake`` is what is wrong with the form that the page shows again: the status is its own.
    """
    request.state.mistake = mistake
    return translated_page(
        f"console/{template}",
        status=status if mistake is None else mistake.status,
        mistake=mistake,
        nonce=new_nonce(allowed.actor),
        account=allowed.account,
        base=allowed.path,
        help_link=help_address(
            request.app.state.hosting.docs_url, request.url.path.removeprefix(allowed.path).rstrip("/")
        ),
        start="/console" if (start := landing(allowed.session)) is None else allowed.path + start,
        closure=allowed.closure,
        session=allowed.session,
        sections=[one for one in SECTIONS if one.is_shown_to(allowed.session)],
        section=section,
        allows=allowed.allows,
        done=DONE.get(request.query_params.get("done", "")),
        # A dialog that is shown as a part of the page.
        asked=request.query_params.get("confirm", ""),
        now=request.app.state.clock(),
        # For print; without the query, which can name a search.
        address=f"{request.app.state.hosting.public_url}{request.url.path}",
        **values,
    )


def message_page(
    title: str,
    text: str,
    *,
    status: int = 200,
    link: str = "/console",
    link_name: str | None = None,
    is_english: bool = False,
) -> Response:
    """Render a page of one message, without navigation. ``is_english``: the text is a service's, in English."""
    return translated_page(
        "console/message.html",
        status=status,
        title=title,
        text=text,
        link=link,
        link_name=link_name or gettext("To the console"),
        is_english=is_english,
    )
