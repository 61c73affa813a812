"""The period that a notice tells, read from what a person wrote: one that nobody told must erase nothing."""

import pytest

from vault.domain.retention.notice_period import notice_period


@pytest.mark.parametrize(
    ("retention", "told"),
    [
        ("six months", "P6M"),
        ("90 jours", "P90D"),
        ("zwei Jahre", "P2Y"),
        ("until the dispute ends, at most one year", "P1Y"),
        ("as long as needed", None),
        ("0 days", None),
    ],
)
def test_the_field_is_read_alone(retention: str, told: str | None) -> None:
    """Whatever the text says besides."""
    period = notice_period(retention, "We keep this recording for ten years.")
    assert (None if period is None else str(period)) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("This call is recorded. The recording is kept for one year.", "P1Y"),
        ("We are here for you seven days a week. The recording is kept for one year.", "P1Y"),
        ("Call back within 14 days. We keep this recording for two years.", "P2Y"),
        ("Nous sommes là 7 jours sur 7. Nous conservons cet enregistrement six mois.", "P6M"),
        ("Wir bewahren die Aufzeichnung drei Monate auf. Rufen Sie in 14 Tagen zurück.", "P3M"),
        ("Guardamos esta grabación un año; le atendemos 7 días.", "P1Y"),
        ("Conserviamo la registrazione per sei mesi.", "P6M"),
        ("A gravação é apagada após trinta dias, ou seja 30 dias.", "P30D"),
        ("Wij bewaren dit gesprek 90 dagen.", "P90D"),
        ("We are here for you seven days a week. This call is recorded.", None),
        ("Our store is open seven days a week.", None),
        ("We keep it for six months, invoices for ten years.", None),
        ("It is deleted after 30 days. It is kept for 30 days.", "P30D"),
        ("", None),
    ],
)
def test_of_a_text_sentences_about_keeping_are_read(text: str, told: str | None) -> None:
    """And only if they name one period: nobody knows which of two a caller relies on."""
    period = notice_period("", text)
    assert (None if period is None else str(period)) == told
