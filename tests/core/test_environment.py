"""Environments: text form, what changed, and what reaches a service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.environment import (
    MAX_BYTES,
    Declaration,
    Environment,
    change_description,
    missing,
    parse,
    parse_declaration,
    require,
    select,
)
from sternway.core.errors import EnvironmentMissing, InvalidInput

keys = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
values = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(keys, values))
def test_text_reads_back_as_it_was(pairs):
    environment = Environment(pairs)
    assert parse(environment.text()) == environment


def test_values_may_hold_equals_signs():
    assert parse("URL=postgres://a?b=c")["URL"] == "postgres://a?b=c"


def test_an_empty_text_is_an_empty_environment():
    assert parse("") == Environment()
    assert Environment().text() == ""


def test_a_key_without_value_is_an_empty_value():
    assert parse("A=")["A"] == ""


@pytest.mark.parametrize("text", ["A", "=x", "A B=c", "1A=x", "A-B=x"])
def test_a_line_that_is_no_pair_is_refused_by_its_number(text):
    with pytest.raises(InvalidInput, match="line 2"):
        parse(f"OK=1\n{text}")


def test_a_refusal_never_shows_a_value():
    with pytest.raises(InvalidInput) as refusal:
        parse("SECRET WORD=hunter2")
    assert "hunter2" not in refusal.value.message


def test_too_large_a_text_is_refused():
    with pytest.raises(InvalidInput, match="larger"):
        parse("A=" + "x" * MAX_BYTES)


def test_repr_shows_keys_and_no_values():
    assert repr(Environment({"TOKEN": "hunter2"})) == "Environment(TOKEN)"


def test_a_change_is_described_by_sorted_keys():
    before, after = Environment({"B": "1", "C": "1", "D": "1"}), Environment({"A": "1", "B": "2", "D": "1"})
    assert change_description(before, after) == "env add:A change:B remove:C"
    assert change_description(before, before) == ""


def test_only_declared_variables_reach_a_service():
    environment = Environment({"A": "1", "B": "2"})
    declarations = [parse_declaration(entry) for entry in ("A", "C=3", "D")]
    assert select(environment, declarations) == Environment({"A": "1", "C": "3"})


def test_a_star_lets_everything_through():
    environment = Environment({"A": "1", "B": "2"})
    assert select(environment, [parse_declaration("*")]) == environment


def test_required_variables_are_named_together():
    declarations = [Declaration("B"), Declaration("A"), Declaration("C", "default")]
    assert missing(Environment(), declarations) == ("A", "B")
    with pytest.raises(EnvironmentMissing, match="required env: A, B"):
        require(Environment(), declarations)
