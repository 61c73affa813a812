"""The label of a field in the place of the name that REST has for it."""

import pytest

from vault.web.console.problems import _in_words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shared_key must not be empty.", "“Shared key” must not be empty."),
        ("give shared_key_id and shared_key.", "give shared_key_id and “Shared key”."),
        ("account.shared_key.shared_key is wrong", "account.shared_key.shared_key is wrong"),
        ("is it shared_key? Yes: shared_key.", "is it “Shared key”? Yes: “Shared key”."),
    ],
)
def test_only_the_whole_name_is_replaced(text: str, said: str):
    """The name of another field may begin with it."""
    assert _in_words(text, "shared_key", "Shared key") == said
