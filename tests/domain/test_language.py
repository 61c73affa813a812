"""Language tags have one spelling."""

import pytest

from vault.domain.notices.notice import base_language, language_tag
from vault.errors import Invalid

SPELLINGS = [
    ("en", "en", "en"),
    ("EN", "en", "en"),
    ("fr-ca", "fr-CA", "fr"),
    ("FR-CA", "fr-CA", "fr"),
    ("zh-hant-tw", "zh-Hant-TW", "zh"),
    ("sr-LATN", "sr-Latn", "sr"),
    ("es-419", "es-419", "es"),
    ("gsw-CH", "gsw-CH", "gsw"),
    ("de-1996", "de-1996", "de"),
]


@pytest.mark.parametrize(("written", "tag", "base"), SPELLINGS)
def test_a_tag_is_spelled_as_the_rfc_recommends(written, tag, base):
    """Language small, script with a capital, region in capitals (RFC 5646, section 2.1.1); again changes nothing."""
    assert language_tag(written) == tag
    assert language_tag(tag) == tag
    assert base_language(written) == base


@pytest.mark.parametrize(
    "written", ["", "e", "english", "en_GB", "en-", "-en", "en-G", "é-FR", "en\n", "a" * 36]
)
def test_what_is_no_tag_is_refused(written):
    """The field is named."""
    with pytest.raises(Invalid) as caught:
        language_tag(written)
    assert caught.value.field == "language"
