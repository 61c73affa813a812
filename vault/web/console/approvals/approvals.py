"""Approvals: what waits for a second person, what was decided, and the rule of the account."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Path, Response
from pydantic import ValidationError

from vault.domain.approvals.approval import Approval, ApprovalState, Decision
from vault.domain.approvals.rule import CHOSEN, RULES, VERBS, WITHOUT_RULE
from vault.domain.requests.request import Kind
from vault.errors import Invalid, NotFound
from vault.services.approvals.execute_approval import not_taken
from vault.web.console.acts import acts
from vault.web.console.approvals.approvers import who_approves, who_approves_it
from vault.web.console.approvals.asked import asked_words
from vault.web.console.approvals.releases import what_follows_approval
from vault.web.console.approvals.states import closure_of, newest_closure, shown_state
from vault.web.console.approvals.words import (
    OUTCOME_WORDS,
    VERB_WORDS,
    effect_words,
    not_done,
    title_of,
)
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES, Mistake, WordedInvalid
from vault.web.console.route import console_router
from vault.web.console.words import period_words, preview_counts
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable, translated, translated_pairs
from vault.web.routes.approvals.gated import reference_of
from vault.web.schemas.approvals import ApprovalRuleIn, DecisionOnIn
from vault.web.schemas.retention.recording_retention import PolicyPreviewOut
from vault.web.schemas.retention.retention import RetentionPolicyIn

router = console_router()
Approving = Annotated[Here, needs("approvals:write")]
Setting = Annotated[Here, needs("settings:write")]
Auditing = Annotated[Here, needs("audit:read")]
ApprovalId = Annotated[str, Path(max_length=64)]
TAB: Final = Tab("Approvals")
_PAGE: Final = 50
_STILL_DUE: Final = translatable("still due after the last run of retention")
_DECISIONS: Final[dict[str, Decision]] = {"approve": "approve", "veto": "veto"}


@router.get("/approvals")
async def show_approvals(here: Auditing) -> Response:
    """List what waits, what was decided, and the rule."""
    approvals, mistake = here.vault.approvals.approvals, here.mistake
    found = await approvals.page(here.account_id, state=None, before=read_cursor(here.cursor), limit=_PAGE)
    waiting = await approvals.page(here.account_id, state=ApprovalState.PENDING, limit=_PAGE)
    rule = await here.vault.approvals.rules.read(here.account_id)
    return TAB.page(
        here,
        "approvals.html",
        gettext("Approvals"),
        waiting=waiting,
        others=[one for one in found if one.state is not ApprovalState.PENDING],
        following=next_cursor(found, _PAGE, lambda one: (one.asked_at, one.id)),
        rule=rule,
        without_pair=await without_pair_words(here),
        approvers=await who_approves(here, "approval_rule"),
        ticked=rule.verbs if mistake is None else here.form.many("verbs"),
        is_left_off=mistake is not None and mistake.field == "enabled",
        chosen=translated_pairs((verb, VERB_WORDS[verb]) for verb in CHOSEN),
        implied=[verb for verb in CHOSEN if RULES[verb].needs_approval == "any_rule"],
        always=[translated(VERB_WORDS[verb]) for verb in sorted(WITHOUT_RULE)],
        title_of=partial(title_of, kinds=await _kinds(here, [*waiting, *found])),
        state_of=partial(shown_state, newest=await newest_closure(here, found)),
        effect_words=effect_words,
    )


@router.get("/approvals/{approval}")
async def show_approval(here: Auditing, approval: ApprovalId) -> Response:
    """Show an approval with the bytes that are approved."""
    approvals = here.vault.approvals.approvals
    view = await approvals.read(here.account_id, approval)
    one = view.approval
    is_pending = one.state is ApprovalState.PENDING
    now, obstacle = await _now(here, one)
    closure, kinds = await newest_closure(here, [one]), await _kinds(here, [one])
    return TAB.page(
        here,
        "approval.html",
        title_of(one, kinds),
        one=one,
        stops=kinds.get(one.subject) == "objection" and one.state is ApprovalState.PENDING,
        reason=view.text.reason,
        stated=_stated_reason(view.text.arguments),
        reference=await reference_of(here.vault, one),
        arguments=asked_words(one.kind, view.text.arguments),
        **{"obstacle": obstacle, **await _context(here, one, view.text.arguments)},
        document=json.dumps(json.loads(view.document), indent=2, ensure_ascii=False),
        shown=effect_words(one, now),
        asked_for=effect_words(one) if now is not None and dict(now) != dict(one.effect) else None,
        outcomes=OUTCOME_WORDS,
        state=shown_state(one, closure),
        approved_closure=closure_of(one, closure),
        needs=RULES[one.kind].scope,
        is_own=one.asked_by == here.actor,
        barrier=await approvals.barrier(here.account_id, one.id, actor=here.actor) if is_pending else None,
        approvers=await who_approves_it(here, one) if is_pending else None,
    )


@acts(router, "/approvals/{approval}", again=show_approval)
async def decide_approval(here: Approving, approval: ApprovalId) -> str:
    """Approve what was read, with the account's name typed, or veto it."""
    decision = _DECISIONS.get(here.form.text("decision"), "veto")
    if decision == "approve":
        here.confirm()
        await here.require_verified()
    body = checked(DecisionOnIn, {"decision": decision, "digest": here.form.text("digest") or None})
    decided = await here.vault.approvals.approvals.decide(
        here.account_id, approval, body.decision, digest=body.digest, actor=here.actor
    )
    if decided.state in {ApprovalState.PENDING, ApprovalState.EXPIRED}:
        raise not_done(decided)
    taken_back = "taken_back" if decided.asked_by == here.actor else "vetoed"
    return f"/approvals/{approval}?done={'approved' if decision == 'approve' else taken_back}"


@acts(router, "/approval-rule", again=show_approvals)
async def set_approval_rule(here: Setting) -> str:
    """Set the rule, with the account's name typed; a looser one needs an approval itself."""
    here.confirm()
    enabled, verbs = here.form.text("enabled") == "on", sorted(set(here.form.many("verbs")))
    if verbs and not enabled and here.form.text("stays_off") != "on":
        text = gettext(
            "The rule is off, so none of these acts needs a second person. Switch it on, or leave it off."
        )
        raise WordedInvalid(text, field="enabled")
    sent = {"enabled": enabled, "verbs": verbs}
    body = checked(ApprovalRuleIn, sent)
    change = here.vault.approvals.rules.set(
        here.account_id, enabled=body.enabled, verbs=body.verbs, actor=here.actor
    )
    done = "/approvals?done=rule_set" if body.enabled else "/approvals?done=rule_off"
    return await here.done_or_asked(change, done, subject="", arguments=sent)


async def without_pair_words(here: Here) -> Sequence[str]:
    """Return what nobody of the account could approve, in words."""
    found = await here.vault.approvals.rules.without_pair(here.account_id)
    return [translated(VERB_WORDS[verb]) for verb in VERBS if verb in found]


async def _kinds(here: Here, approvals: Sequence[Approval]) -> Mapping[str, Kind]:
    """Return the kinds of the requests on which these decide, by id."""
    decisions = [one.subject for one in approvals if one.kind == "request_erasure"]
    return await here.vault.requests.requests.sealed.kinds(here.account_id, decisions) if decisions else {}


async def _now(here: Here, one: Approval) -> tuple[Mapping[str, int] | None, Mistake | None]:
    """Return what a waiting act would do now, and why it could not be done."""
    if one.state is not ApprovalState.PENDING:
        return None, None
    try:
        return await here.vault.approvals.approvals.effect_now(one), None
    except (*MISTAKES, NotFound) as error:
        return None, Mistake.of(error)


async def _context(here: Here, one: Approval, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what else who asked has seen: of a policy its table and numbers, of a rule what it lets go, of a cap.

    Stored arguments that this release does not take are shown as they are; it is not offered to approve them.
    """
    found: dict[str, Any] = {
        "policy": None, "counts": (), "let_go": (), "period_words": period_words, "follows": None,
    }  # fmt: skip
    try:
        return {**found, **await _seen(here, one, arguments)}
    except (ValidationError, Invalid, LookupError, TypeError):
        return found | {"obstacle": Mistake.of(not_taken("arguments"))}


async def _seen(here: Here, one: Approval, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    is_pending = one.state is ApprovalState.PENDING
    if one.kind == "retention_policy":
        policy = RetentionPolicyIn.model_validate(arguments["policy"]).wanted()
        if not (is_pending and here.allows("retention:write")):
            return {"policy": policy}
        preview = PolicyPreviewOut.of(await here.vault.retention.preview(here.account_id, policy))
        counts = [(number, words) for words, number, _ in preview_counts(preview) if number]
        return {"policy": policy, "counts": counts}
    if one.kind == "hold_release":
        return {"follows": await what_follows_approval(here, one)}
    if one.kind == "approval_rule" and is_pending:
        rule = await here.vault.approvals.rules.read(here.account_id)
        kept = set(arguments["verbs"]) if arguments["enabled"] else set()
        return {"let_go": [translated(VERB_WORDS[verb]) for verb in VERBS if verb in rule.in_force - kept]}
    if one.kind == "retention_cap" and is_pending:
        run = (await here.vault.accounts.overview.numbers(here.account_id)).retention_run
        if run is not None and run.residue is not None:
            return {"counts": [(run.residue, translated(_STILL_DUE))]}
    return {}


def _stated_reason(arguments: Mapping[str, Any]) -> str | None:
    """Return the reason that the act itself was given: of a closure, or of a decision on a request."""
    decision = arguments.get("decision")
    reason = (decision if isinstance(decision, dict) else arguments).get("reason")
    return reason if isinstance(reason, str) else None
