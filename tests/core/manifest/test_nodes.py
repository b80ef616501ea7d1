import pytest

from sternway.core.errors import ManifestInvalid
from sternway.core.manifest import nodes
from tests.core.manifest.texts import errors


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n", "---\n", "\ufeff"])
def test_empty_file_is_refused(text):
    assert errors(text) == ["convox.yml: is empty: it needs at least `services:` (line 1)"]


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "42"])
def test_top_level_must_be_a_map(text):
    assert errors(text) == ["convox.yml: must be a map with keys such as `services:` at the top (line 1)"]


def test_tab_as_indentation_is_named_with_its_line():
    assert errors("services:\n\tweb:\n") == [
        "convox.yml: cannot be read as YAML: a tab cannot indent, use spaces (line 2)"
    ]


@pytest.mark.parametrize("text", ["a: [1", "a: 'b", "a: b: c", "{", "%", "@", "a: *nowhere", "&a", "a:\n b: 1\n  c: 2"])
def test_broken_yaml_is_one_error_with_a_line(text):
    (only,) = errors(text)
    assert only.endswith(")")
    assert "(line " in only


def test_bytes_that_are_not_utf8_are_named_with_their_line():
    with pytest.raises(ManifestInvalid, match=r"is not UTF-8 text \(line 2\)"):
        nodes.read(b"services:\n  web: \xff\n")


def test_utf8_bytes_are_read():
    assert nodes.read("a: ü".encode()).entries[0][0].text == "a"


def test_control_character_is_named_with_its_line():
    assert errors("a: 1\nb: \x00\n") == ["convox.yml: holds a control character (line 2)"]


def test_lone_surrogate_is_refused():
    assert errors("a: \ud800") == ["convox.yml: holds a control character (line 1)"]


def test_second_document_is_refused():
    assert errors("a: 1\n---\nb: 2\n") == ["convox.yml: must hold one document, a second one starts here (line 2)"]


def test_file_over_the_bound_is_refused():
    assert errors("a: " + "x" * nodes.MAX_BYTES) == ["convox.yml: is larger than 1048576 bytes (line 1)"]


def test_deep_nesting_is_refused():
    assert errors("a: " + "[" * 100_000) == ["convox.yml: is nested more than 32 deep (line 1)"]


def test_billion_laughs_are_refused():
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    (only,) = errors("\n".join(lines))
    assert "holds more than 10000 values when its aliases are written out" in only


def test_aliases_cannot_multiply_long_text():
    (only,) = errors("a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 1000 + "]")
    assert "characters when its aliases are written out (line 2)" in only


def test_chain_of_aliases_cannot_go_deeper_than_nesting():
    chain = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40)]
    (only,) = errors("\n".join(chain))
    assert "nested more than 32 deep when its aliases are written out" in only


def test_anchor_cannot_hold_itself():
    assert errors("a: &a\n  - *a\n") == ["convox.yml: has an alias without an anchor before it (line 2)"]


def test_list_as_a_key_is_refused():
    assert errors("? [a]\n: 1\n") == ["convox.yml: has a list or a map as a key; a key must be text (line 1)"]


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!!binary", "!mine"])
def test_tags_that_are_not_plain_yaml_are_refused(tag):
    (only,) = errors(f"a: 1\nb: {tag} x\n")
    assert "has a YAML tag that is not supported" in only
    assert only.endswith("(line 2)")
