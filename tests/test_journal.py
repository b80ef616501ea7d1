"""How the rack logs."""

import json
import logging

import pytest

from sternway import journal


@pytest.fixture
def root():
    logger = logging.getLogger()
    handlers, level = logger.handlers, logger.level
    yield logger
    logger.handlers, logger.level = handlers, level


def test_json_lines_carry_sentence_and_fields(root, capsys):
    journal.begin(as_json=True)
    logging.getLogger("sternway.x").info("stopping", extra={"apps": 2})
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["apps"], line["level"]) == ("stopping", 2, "info")


def test_text_lines_carry_them_too(root, capsys):
    journal.begin(as_json=False)
    logging.getLogger("sternway.x").warning("round failed", extra={"app": "shop"})
    assert "round failed" in (line := capsys.readouterr().err)
    assert "app=shop" in line


def test_the_newest_lines_are_kept_without_their_time(root):
    recent = journal.begin(as_json=False)
    for number in range(journal.KEPT_LINES + 5):
        logging.getLogger("sternway.x").info("counted", extra={"number": number})
    lines = recent.lines(None)
    assert len(lines) == journal.KEPT_LINES
    assert lines[-1].text.endswith(f"number={journal.KEPT_LINES + 4}".encode())
    assert recent.lines(lines[-1].at) == []
