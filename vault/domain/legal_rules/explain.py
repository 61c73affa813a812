"""Explains a rule in plain sentences. It never states that a recording is lawful: that is for a lawyer."""

from vault.domain.legal_rules.rule import Consent, Rule

_ASKED: dict[Consent, str] = {
    "one": "the consent of one party alone",
    "notice": "a notice to all parties",
    "all": "the consent of all parties",
    "opt_in": "an explicit yes of all parties",
}


def explain(rule: Rule) -> str:
    """Return a rule's requirements, its readings where it is contested, its sources and its confidence."""
    subject = f"{rule.name} ({rule.place})"
    asked = "; ".join(clauses(rule))
    if rule.confidence == "none":
        sentences = [
            f"{subject}: no default is shipped, and the account must choose.",
            f"Until then it is treated as a place that {asked}.",
        ]
    else:
        sentences = [f"{subject} {asked}."]
    if rule.readings:
        sentences.append(f"This is contested. {' '.join(rule.readings)}")
    cited = " ".join([rule.statute, *(f"<{source}>" for source in rule.sources)]).strip()
    if cited:
        sentences.append(f"Source: {cited}.")
    reviewed = f"; reviewed {rule.reviewed_on.isoformat()}" if rule.reviewed_on else ""
    sentences.append(f"Confidence: {rule.confidence}{reviewed}.")
    sentences.append("This is not legal advice.")
    return " ".join(sentences)


def clauses(rule: Rule) -> list[str]:
    """Return what a rule asks for, a clause for each requirement; its place is their subject."""
    return [f"asks for {_ASKED[rule.consent]}", *_more_clauses(rule)]


def _more_clauses(rule: Rule) -> list[str]:
    """Return a clause for each further requirement of the rule."""
    awaited = "consent" if rule.consent in {"all", "opt_in"} else "the notice"
    clauses = {
        "an announcement counts only if it can be heard in the recording": rule.notice_in_recording,
        f"recording may not begin before {awaited}": not rule.capture_before_consent,
        "a tone may stand for the spoken notice": rule.tone_accepted,
        "the notice must offer a way to refuse": rule.refusal_route,
        "the account's own agents must be told, too": rule.agent_notice,
        "the notice must say how long the recording is kept": rule.retention_spoken,
        f"recordings are kept at least {rule.min_retention_days} days": rule.min_retention_days is not None,
        f"recordings are kept at most {rule.max_retention_days} days": rule.max_retention_days is not None,
    }
    return [clause for clause, applies in clauses.items() if applies]
