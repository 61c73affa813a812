"""Approvals: what waits for a second person, what was decided, and the rule of the account."""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.approvals.approval import ApprovalState, Decision
from vault.domain.approvals.rule import CHOSEN, SCOPES, WITHOUT_RULE
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.approval_words import (
    OUTCOME_WORDS,
    STATE_WORDS,
    VERB_WORDS,
    concerns,
    effect_words,
    not_done,
)
from vault.web.console.forms import checked, read_form, require_name
from vault.web.console.gated import done_or_asked
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.route import console_router
from vault.web.console.worded import WordedInvalid
from vault.web.http.auth import TheVault
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translated, translated_pairs
from vault.web.routes.gated import reference_of
from vault.web.schemas.approvals import ApprovalRuleIn, DecisionOnIn

router = console_router()
Approving = Annotated[Console, Depends(console("approvals:write"))]
Setting = Annotated[Console, Depends(console("settings:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
ApprovalId = Annotated[str, Path(max_length=64)]
SECTION: Final = "Approvals"
STATE_BADGES: Final = {
    ApprovalState.PENDING: "warn",
    ApprovalState.APPROVED: "warn",
    ApprovalState.EXECUTED: "good",
    ApprovalState.VETOED: "bad",
    ApprovalState.EXPIRED: "quiet",
}
_PAGE: Final = 50
_DECISIONS: Final[dict[str, Decision]] = {"approve": "approve", "veto": "veto"}


@router.get("/approvals")
async def show_approvals(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """List what waits, what was decided, and the rule."""
    return await _list(request, vault, allowed)


@router.get("/approvals/{approval}")
async def show_approval(
    request: Request, vault: TheVault, allowed: Auditing, approval: ApprovalId
) -> Response:
    """Show an approval with the bytes that are approved."""
    return await _page(request, vault, allowed, approval)


@router.post("/approvals/{approval}")
async def decide_approval(
    request: Request, vault: TheVault, allowed: Approving, approval: ApprovalId
) -> Response:
    """Approve what was read, with the account's name typed, or veto it."""
    form = await read_form(request)

    async def decide() -> str:
        decision = _DECISIONS.get(form.text("decision"), "veto")
        if decision == "approve":
            require_name(form, allowed.account.ref)
        body = checked(DecisionOnIn, {"decision": decision, "digest": form.text("digest") or None})
        decided = await vault.approvals.decide(
            allowed.account.id, approval, body.decision, digest=body.digest, actor=allowed.actor
        )
        if decided.state in {ApprovalState.PENDING, ApprovalState.EXPIRED}:
            raise not_done(decided)
        return f"{allowed.path}/approvals/{approval}?done={'approved' if decision == 'approve' else 'vetoed'}"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, approval, mistake)

    return await run_or_show(request, allowed, form, act=decide, show=again, reads="audit:read")


@router.post("/approval-rule")
async def set_approval_rule(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Set the rule, with the account's name typed; a looser one needs an approval itself."""
    form = await read_form(request)

    async def change() -> str:
        body = checked(ApprovalRuleIn, _rule(form.text("enabled"), form.many("verbs")))
        await vault.approval_rules.set(
            allowed.account.id, enabled=body.enabled, verbs=body.verbs, actor=allowed.actor
        )
        done = "rule_set" if body.enabled else "rule_off"
        return f"{allowed.path}/approvals?done={done}"

    async def ask() -> str:
        require_name(form, allowed.account.ref)
        sent = _rule(form.text("enabled"), form.many("verbs"))
        if sent["verbs"] and not sent["enabled"] and form.text("stays_off") != "on":
            text = gettext(
                "The rule is off, so none of these acts needs a second person. Switch it on, or leave it off."
            )
            raise WordedInvalid(text, field="enabled")
        return await done_or_asked(vault, allowed, change, subject="", arguments=sent)

    async def again(mistake: Mistake) -> Response:
        return await _list(request, vault, allowed, mistake, form.many("verbs"))

    return await run_or_show(request, allowed, form, act=ask, show=again, reads="audit:read")


def _rule(enabled: str, verbs: list[str]) -> dict[str, object]:
    return {"enabled": enabled == "on", "verbs": sorted(set(verbs))}


async def _list(
    request: Request,
    vault: Vault,
    allowed: Console,
    mistake: Mistake | None = None,
    sent: Collection[str] | None = None,
) -> Response:
    """Render the list; ``sent``: the acts that were chosen in a form that is wrong."""
    account_id = allowed.account.id
    before = read_cursor(request.query_params.get("cursor") or None)
    found = await vault.approvals.page(account_id, state=None, before=before, limit=_PAGE)
    following = next_cursor(found, _PAGE, lambda one: (one.asked_at, one.id))
    return console_page(
        request,
        allowed,
        "approvals.html",
        section=SECTION,
        heading=gettext("Approvals"),
        tabs=(),
        waiting=await vault.approvals.page(account_id, state=ApprovalState.PENDING, limit=_PAGE),
        others=[one for one in found if one.state is not ApprovalState.PENDING],
        following=following,
        rule=(rule := await vault.approval_rules.read(account_id)),
        ticked=rule.verbs if sent is None else sent,
        is_left_off=mistake is not None and mistake.field == "enabled",
        chosen=translated_pairs((verb, VERB_WORDS[verb]) for verb in CHOSEN),
        always=[translated(VERB_WORDS[verb]) for verb in sorted(WITHOUT_RULE)],
        words=VERB_WORDS,
        states=STATE_WORDS,
        effect_words=effect_words,
        badges=STATE_BADGES,
        mistake=mistake,
    )


async def _page(
    request: Request, vault: Vault, allowed: Console, approval_id: str, mistake: Mistake | None = None
) -> Response:
    view = await vault.approvals.read(allowed.account.id, approval_id)
    approval = view.approval
    return console_page(
        request,
        allowed,
        "approval.html",
        section=SECTION,
        heading=translated(VERB_WORDS[approval.kind]),
        tabs=(),
        one=approval,
        reason=view.text.reason or _stated_reason(view.text.arguments),
        asked_by_name=view.asked_by_name,
        reference=await reference_of(vault, approval),
        concerns=concerns(allowed.path, approval),
        document=json.dumps(json.loads(view.document), indent=2, ensure_ascii=False),
        states=STATE_WORDS,
        shown=effect_words(approval),
        outcomes=OUTCOME_WORDS,
        badge=STATE_BADGES[approval.state],
        needs=SCOPES[approval.kind],
        is_own=approval.asked_by == allowed.actor,
        mistake=mistake,
    )


def _stated_reason(arguments: Mapping[str, Any]) -> str | None:
    """Return the reason that the act itself was given: of a closure, or of a decision on a request."""
    decision = arguments.get("decision")
    reason = (decision if isinstance(decision, dict) else arguments).get("reason")
    return reason if isinstance(reason, str) else None
