"""The period that a notice tells its callers, read from the sentence that a person wrote: ``six months``, ``90 jours``.

Only a number, or a word for one up to twelve, before a unit is read, in the languages below. What cannot be read
limits nothing. A notice has a field of its own, ``retention``, for such sentences; of a text that has none, only the
sentences about keeping or deleting are read, so that opening hours (``seven days a week``) erase nothing.
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


#: Beginnings of words about keeping and deleting.
_KEEPING: Final = re.compile(
    r"\b(?:"
    "keep|kept|stored|storage|retain|retention|delet|eras|"
    "conserv|gard|effac|supprim|"
    "aufbewahr|bewahr|gespeichert|speicher|gelöscht|lösch|"
    "guard|manten|almacen|borr|elimin|suprim|"
    "cancell|apag|armazen|"
    "bewaar|bewaren|opgesla|verwijder|gewist"
    ")",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"[.!?;\n](?:\s|$)")


def notice_period(retention: str, text: str) -> Period | None:
    """Return the period that a notice tells: the first one of its field, or else the only one of its text.

    Of the text, sentences about keeping or deleting count. None if there is none that can be read, or several.
    """
    if retention:
        return next(iter(_periods(retention)), None)
    about = [one for one in _SENTENCE_END.split(text) if _KEEPING.search(one)]
    periods = {period for sentence in about for period in _periods(sentence)}
    return periods.pop() if len(periods) == 1 else None


def _periods(sentence: str) -> list[Period]:
    """Return the periods that a sentence names, in its order."""
    periods = []
    for word, unit_word in _PHRASE.findall(sentence):
        unit = _UNITS[unit_word.lower()]
        number = int(word) if word.isdigit() else _NUMBERS[word.lower()]
        if number:
            periods.append(Period(unit.months * number, unit.days * number))
    return periods
