"""Which engine a rack has: the one that it began with."""

from pathlib import Path

import pytest

from sternway.bootstrap import engine
from sternway.core.errors import InvalidInput, Refused
from sternway.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    return Home(tmp_path)


def test_processes_need_not_be_asked_for(home: Home):
    assert engine.choose(None, home) == "process"


def test_auto_means_processes_where_no_docker_engine_answers(home: Home):
    assert engine.choose("auto", home) == "process"


def test_docker_can_be_asked_for_while_it_does_not_answer(home: Home):
    assert engine.choose("docker", home) == "docker"


@pytest.mark.parametrize("asked", [None, "auto", "docker"])
def test_a_rack_stays_with_its_engine(home: Home, asked: str | None):
    engine.keep("docker", home)
    assert engine.choose(asked, home) == "docker"


def test_another_engine_is_refused_with_the_way_out(home: Home):
    engine.keep("docker", home)
    with pytest.raises(Refused, match="run on the docker engine") as refused:
        engine.choose("process", home)
    assert "--dismantle" in refused.value.hint


def test_a_rack_of_before_the_choice_has_processes(home: Home):
    home.engine.mkdir()
    with pytest.raises(Refused, match="run on the process engine"):
        engine.choose("docker", home)


def test_once_nothing_runs_any_more_the_choice_is_free_again(home: Home):
    engine.keep("docker", home)
    engine.forget(home)
    assert engine.choose("process", home) == "process"


def test_a_damaged_file_names_itself(home: Home):
    home.engine_kind.write_text("steam\n")
    with pytest.raises(InvalidInput, match="engine-kind"):
        engine.choose(None, home)
