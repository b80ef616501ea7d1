import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.cli import letters


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("", 0), ("航海", 4), ("e\u0301", 1), ("\u200b", 0), ("🚢", 2), ("café", 4), ("\uff21", 2)],
)
def test_width_is_what_a_terminal_needs(text: str, columns: int) -> None:
    assert letters.width(text) == columns


@given(st.text(alphabet="ab 航🚢\u0301é", max_size=12), st.integers(min_value=1, max_value=14))
def test_cut_text_fits_and_says_that_it_was_cut(text: str, columns: int) -> None:
    cut = letters.cut(text, columns)
    assert letters.width(cut) <= columns
    assert cut == text or cut.endswith("…")
    assert text.startswith(cut.removesuffix("…"))


def test_filled_text_is_as_wide_as_asked() -> None:
    assert letters.filled("航", 4) + "|" == "航  |"


def test_escape_codes_do_not_survive() -> None:
    assert letters.printable("a\x1b]0;title\x07\u202eb\x9bc") == "a ]0;title  b c"
