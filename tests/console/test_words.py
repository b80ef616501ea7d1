"""Words are in one place, times are in words, and what is printed can be shown."""

import pkgutil
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from sternway.console import printed, texts, times
from sternway.core.formation import Health
from sternway.core.promotion import PromotionStatus

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def templates():
    root = resources.files("sternway.console").joinpath("templates")
    for place in (root, root.joinpath("parts")):
        yield from (each for each in place.iterdir() if each.name.endswith(".html"))


@pytest.mark.parametrize("template", list(templates()), ids=lambda each: each.name)
def test_template_has_no_words_of_its_own(template):
    source = re.sub(r"\{[{%#].*?[}%#]\}", "", template.read_text(), flags=re.S)
    source = re.sub(r"<pre>.*?</pre>", "", source, flags=re.S).replace(' sse-swap="state"', "")
    said = re.sub(r"<[^>]*>", " ", source)
    assert re.findall(r"[A-Za-z]{2,}", said.replace("RACK_URL", "")) == []
    assert re.findall(r'(?:aria-label|title|alt)="[^"{]*[A-Za-z]', source) == []


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=7), "1 week ago"),
        (timedelta(days=20), "2 weeks ago"),
        (timedelta(days=40), "1 month ago"),
        (timedelta(days=360), "11 months ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_time_is_one_number_and_one_word(passed, words):
    assert times.ago(NOW - passed, NOW) == words


def test_exact_time_and_length():
    assert times.exact(NOW) == "2026-06-01 12:00:00 UTC"
    assert [times.span(s) for s in (0.2, 1, 90, 600)] == ["less than a second", "1 second", "90 seconds", "10 minutes"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"plain", "plain"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bP hidden \x1b\\seen", "seen"),
        (b"10%\r20%\r", "20%"),
        (b"a\tb", "a   b"),
        (b"\x07bell\x00", "bell"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        ("\u202eabc\u200b".encode(), "\N{REPLACEMENT CHARACTER}abc\N{REPLACEMENT CHARACTER}"),
        (b"\xe2\x80", "\N{REPLACEMENT CHARACTER}"),
        (b"\x1b", ""),
    ],
)
def test_line_is_shown_without_what_cannot_be(line, shown):
    assert printed.shown(line) == shown


def test_long_line_is_cut():
    assert len(printed.shown(b"x" * 10**6)) == printed.MAX_LENGTH + 1


def test_hostile_line_takes_no_long_time():
    assert printed.shown(b"\x1b[" * 10**5 + b"\x1b]" * 10**5) is not None


def test_no_word_is_there_twice():
    modules = [vars(texts)[found.name] for found in pkgutil.iter_modules(texts.__path__)]
    names = Counter(name for module in modules for name in vars(module) if name.isupper())
    assert [name for name, count in names.items() if count > 1] == []


def test_every_status_has_a_word():
    assert set(texts.PROGRESS) == set(texts.PROMOTION_WORDS) == {each.value for each in PromotionStatus}
    assert {each.value for each in Health} <= set(texts.HEALTHS)
    assert set(texts.HEALTHS.values()) <= set(texts.STATUSES)
