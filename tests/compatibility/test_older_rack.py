"""The command line of today works with racks of other days: what they do not say yet is missing, and what is new to it
is passed over."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.scripted import ScriptedRack
from tests.compatibility.recording import COMMANDS, RECORDED, exchanges

NEEDED = ("id", "name", "status", "release", "build", "env", "created", "version", "app", "manifest", "description")
"""What a rack of any day says, at the places where the contract has it."""
UNKNOWN: dict[str, Any] = {"later": {"deep": [1, {"er": None}]}, "later-too": "unknown"}
PROMOTION = "7"

type_of_day = pytest.mark.parametrize("day", ["whole", "lean", "newer", "lean and newer"])


def script(rack: ScriptedRack, said: Sequence[dict[str, Any]], day: str) -> None:
    """Have the rack answer each command as it was recorded."""
    answers: dict[str, list[Any]] = {}
    for exchange in said:
        path = _path(exchange["target"])
        answers.setdefault(f"{exchange['method']} {path}", []).append(_of_day(_plain(exchange["answer"]), day))
    for line, told in answers.items():
        rack.on(line, *told)


def _path(target: str) -> str:
    return str(_plain(target.partition("?")[0]))


def _plain(value: Any) -> Any:
    """Give what was recorded without ids some."""
    text = json.dumps(value)
    for number in range(1, 10):
        letter = chr(ord("A") + number)
        text = text.replace(f"{{R{number}}}", f"R{letter * 10}").replace(f"{{B{number}}}", f"B{letter * 10}")
        text = text.replace(f'"{{P{number}}}"', PROMOTION).replace(f"{{P{number}}}", PROMOTION)
    return json.loads(text)


def _of_day(value: Any, day: str) -> Any:
    if isinstance(value, list):
        return [_of_day(each, day) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _of_day(each, day) for name, each in value.items() if "lean" not in day or name in NEEDED}
    return kept | (UNKNOWN if "newer" in day else {})


@type_of_day
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_it_lists_promotes_and_rolls_back(run: Run, rack: ScriptedRack, recorded: Path, command: str, day: str) -> None:
    recording = [each for each in exchanges(recorded) if each["command"] == command]
    script(rack, recording, day)
    ended = run(*command.replace("OLDER", "RCCCCCCCCCC").split())
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
    done = [request.method for request in rack.requests if request.method != "GET"]
    assert done == [each["method"] for each in recording if each["method"] != "GET"]
