import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.environment import Declaration
from sternway.core.errors import ManifestInvalid
from sternway.core.manifest import parse, parse_procfile


def services(text):
    return parse(parse_procfile(text), {}).manifest.services


def errors(text):
    with pytest.raises(ManifestInvalid) as caught:
        parse_procfile(text)
    return caught.value.message.split("\n")


def test_web_gets_a_port_and_the_others_are_workers():
    found = services("web: bin/serve -p $PORT\nworker: bin/work: now\n")
    assert list(found) == ["web", "worker"]
    assert found["web"].port is not None
    assert found["web"].port.number == 5000
    assert found["worker"].port is None
    assert found["worker"].command == "bin/work: now"


def test_every_variable_reaches_every_process():
    assert services("web: a")["web"].environment == (Declaration("*"),)


def test_release_is_a_command_of_web():
    found = services("worker: w\nrelease: bin/migrate\nweb: a")
    assert found["web"].release == "bin/migrate"
    assert list(found) == ["worker", "web"]


def test_release_is_a_command_of_the_first_without_a_web():
    assert services("worker: w\nrelease: bin/migrate")["worker"].release == "bin/migrate"


def test_comments_and_blank_lines_are_skipped_and_names_are_made_fit():
    assert list(services("\ufeff# all\r\n\r\nMy_Worker :  w  \r\n")) == ["my-worker"]


def test_variables_stay_for_the_shell():
    assert services("web: run ${PORT}x ${A:-b}")["web"].command == "run ${PORT-}x ${A:-b}"


def test_every_error_is_listed_with_its_line():
    assert errors("web: a\nnonsense\n1a: b\nweb: c\n") == [
        "Procfile: must be `name: command`, the name beginning with a letter (line 2)",
        "Procfile: must be `name: command`, the name beginning with a letter (line 3)",
        "Procfile: has web twice (line 4)",
    ]


@pytest.mark.parametrize("text", ["", "# nothing", "release: only"])
def test_procfile_without_processes_is_refused(text):
    assert errors(text) == ["Procfile: names no process: write lines such as `web: ./serve` (line 1)"]


def test_endless_procfile_is_refused():
    assert errors("web: a\n" * 100_000) == ["Procfile: is longer than 65536 characters (line 1)"]


@given(st.text() | st.from_regex(r"([a-z]{1,3}: \S[^\n]*\n)+", fullmatch=True))
def test_any_text_gives_a_valid_manifest_or_errors(text):
    try:
        written = parse_procfile(text)
    except ManifestInvalid:
        return
    assert parse(written, {}).warnings == ()
