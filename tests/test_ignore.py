import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway import ignore

NAMES = st.text(alphabet="abc.-_", min_size=1, max_size=4).filter(lambda name: name.strip("."))


@pytest.mark.parametrize(
    ("lines", "path", "is_left_out"),
    [
        (["node_modules"], "node_modules", True),
        (["node_modules"], "node_modules/a/b.js", True),
        (["node_modules"], "web/node_modules", False),
        (["**/node_modules"], "web/node_modules/a.js", True),
        (["**/node_modules"], "node_modules", True),
        (["*.log"], "a.log", True),
        (["*.log"], "logs/a.log", False),
        (["**/*.log"], "logs/deep/a.log", True),
        (["logs/*"], "logs/a/b", True),
        (["a?c"], "abc", True),
        (["a?c"], "a/c", False),
        (["[a-c].txt"], "b.txt", True),
        (["[^a-c].txt"], "b.txt", False),
        (["/tmp/"], "tmp/x", True),
        (["./tmp"], "tmp", True),
        (["*.md", "!README.md"], "README.md", False),
        (["*.md", "!README.md", "READ*"], "README.md", True),
        (["# tmp", "", "  "], "# tmp", False),
        (["a.b"], "axb", False),
        (["a\\*b"], "a*b", True),
        (["a\\*b"], "axb", False),
        (["dist/**"], "dist/a", True),
        (["**"], "anything/at/all", True),
    ],
)
def test_patterns_mean_what_docker_says(lines: list[str], path: str, is_left_out: bool) -> None:
    assert ignore.is_left_out(path, ignore.parse(lines)) is is_left_out


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_plain_path_leaves_out_itself_and_what_is_below(parts: list[str]) -> None:
    path = "/".join(parts)
    rules = ignore.parse([path])
    assert ignore.is_left_out(path, rules)
    assert ignore.is_left_out(f"{path}/x", rules)
    assert not ignore.is_left_out(f"{path}x", rules)
    assert not ignore.is_left_out(path, ignore.parse([path, f"!{path}"]))


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_line_breaks_the_reading(line: str, path: str) -> None:
    with contextlib.suppress(ignore.BadPattern):
        ignore.is_left_out(path, ignore.parse([line]))


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(ignore.BadPattern, match="not a pattern"):
        ignore.parse(["[b-a]"])
