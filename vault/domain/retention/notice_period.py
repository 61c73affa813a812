"""The period that a notice tells its callers, read from the sentence that a person wrote: ``six months``, ``90 jours``.

Only a number, or a word for one up to twelve, before a unit is read, in the languages below. What cannot be read
limits nothing: a notice has a field of its own, ``retention``, for such sentences.
"""

import re
from typing import Final

from vault.domain.retention.period import Period

_NUMBERS: Final = {
    word: number
    for number, words in enumerate(
        (
            "one a an un une ein eine einen einem uno una um uma een",
            "two deux zwei dos due dois duas twee",
            "three trois drei tres tre três drie",
            "four quatre vier cuatro quattro quatro",
            "five cinq fünf cinco cinque vijf",
            "six sechs seis sei zes",
            "seven sept sieben siete sette sete zeven",
            "eight huit acht ocho otto oito",
            "nine neuf neun nueve nove negen",
            "ten dix zehn diez dieci dez tien",
            "eleven onze elf once undici",
            "twelve douze zwölf doce dodici doze twaalf",
        ),
        start=1,
    )
    for word in words.split()
}
_UNITS: Final = {
    unit: period
    for units, period in (
        ("day days jour jours tag tage tagen día días giorno giorni dia dias dag dagen", Period(0, 1)),
        (
            "week weeks semaine semaines woche wochen semana semanas settimana settimane weken",
            Period(0, 7),
        ),
        (
            "month months mois monat monate monaten mes meses mese mesi mês maand maanden",
            Period(1, 0),
        ),
        ("year years an ans année années jahr jahre jahren año años anno anni ano anos jaar", Period(12, 0)),
    )
    for unit in units.split()
}
_PHRASE: Final = re.compile(
    rf"\b(\d{{1,4}}|{'|'.join(_NUMBERS)})[\s\u00a0-]({'|'.join(_UNITS)})\b", re.IGNORECASE
)


def notice_period(sentence: str) -> Period | None:
    """Return the first period that the sentence names; None if it names none that can be read."""
    found = _PHRASE.search(sentence)
    if found is None:
        return None
    word, unit = found[1].lower(), _UNITS[found[2].lower()]
    number = int(word) if word.isdigit() else _NUMBERS[word]
    return Period(unit.months * number, unit.days * number) if number else None
