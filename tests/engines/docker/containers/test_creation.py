"""What a container is made of, as pure functions: no engine needed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.environment import Environment
from sternway.core.errors import ArtifactGone
from sternway.core.formation import Containment, Formation, FormationKey, HealthCheck
from sternway.engines.docker import labels
from sternway.engines.docker.containers import creation
from sternway.engines.docker.containers.creation import Order, Place
from sternway.engines.docker.volumes import Mounts

RACK = "0123456789ab"
PLACE = Place("net", Mounts())
FORMATION = Formation(
    key=FormationKey("shop", "web", "f1"),
    artifact="docker:sha256:" + "0" * 64,
    command="bin/serve --port 3000",
    environment=Environment({"TOKEN": "hunter2"}),
    labels={"APP": "shop", "RELEASE": "RAAAAAAAAAA", "BUILD": "BAAAAAAAAAA"},
    release_id="RAAAAAAAAAA",
    port=3000,
)


def body(formation: Formation = FORMATION, *, is_once: bool = False, place: Place = PLACE) -> dict[str, Any]:
    return creation.body(
        RACK, Order(creation.berth(formation, 2, formation.release_id), formation, is_once=is_once), place
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("bin/serve --port 3000", ["bin/serve", "--port", "3000"]),
        ("say 'a b'", ["say", "a b"]),
        ("a | b", ["/bin/sh", "-c", "a | b"]),
        ("serve $PORT", ["/bin/sh", "-c", "serve $PORT"]),
        ("DEBUG=1 serve", ["/bin/sh", "-c", "DEBUG=1 serve"]),
        ("exec serve", ["/bin/sh", "-c", "exec serve"]),
        ("it's broken", ["/bin/sh", "-c", "it's broken"]),
        ("serve --colour=blue", ["serve", "--colour=blue"]),
    ],
)
def test_only_what_a_shell_understands_goes_to_a_shell(command: str, expected: list[str]):
    assert creation.words(command) == expected


def test_the_command_of_the_image_stays_where_the_manifest_has_none():
    assert "Cmd" not in body(replace(FORMATION, command=None))


@given(
    slot=st.integers(0, 99),
    command=st.none() | st.text(max_size=20),
    port=st.none() | st.integers(1, 65535),
    grace=st.integers(0, 900),
    path=st.none() | st.text(max_size=10),
)
def test_labels_say_everything_again(slot: int, command: str | None, port: int | None, grace: int, path: str | None):
    formation = replace(FORMATION, command=command, port=port, grace_s=float(grace), health=HealthCheck(path=path))
    berth = creation.berth(formation, slot, "RBBBBBBBBBB")
    made = creation.body(RACK, Order(berth, formation), PLACE)
    assert creation.read_labels(made["Labels"]) == berth


def test_what_a_newer_version_added_to_a_health_check_is_passed_over():
    marks = body()["Labels"] | {creation.HEALTH: '{"path": "/", "new": 1}'}
    found = creation.read_labels(marks)
    assert found is not None
    assert found.health == HealthCheck(path="/")


def test_labels_of_others_say_nothing():
    assert creation.read_labels({}) is None
    assert creation.read_labels(body()["Labels"] | {labels.SLOT: "x"}) is None


def test_no_label_and_no_name_holds_a_value_of_the_environment():
    made = body()
    assert "hunter2" not in str(made["Labels"])
    assert [each for each in made if "hunter2" in str(made[each])] == ["Env"]


def test_only_a_process_of_a_formation_is_started_again_by_its_engine():
    assert body()["HostConfig"]["RestartPolicy"] == {"Name": "unless-stopped"}
    assert body(is_once=True)["HostConfig"]["RestartPolicy"] == {"Name": "no"}
    assert body(is_once=True)["Labels"][labels.KIND] == labels.ONE_OFF


def test_a_place_that_publishes_gives_a_port_of_this_machine_only():
    assert "PortBindings" not in body()["HostConfig"]
    published = body(place=replace(PLACE, is_published=True))["HostConfig"]["PortBindings"]
    assert published == {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}


def test_users_groups_and_rights_are_those_of_the_manifest():
    made = body(replace(FORMATION, containment=Containment(user=5, group=6, seccomp="Unconfined", is_privileged=True)))
    assert (made["User"], made["HostConfig"]["Privileged"]) == ("5:6", True)
    assert made["HostConfig"]["SecurityOpt"] == ["seccomp=unconfined"]
    assert body(replace(FORMATION, containment=Containment(group=6)))["User"] == ":6"


def test_an_artifact_of_another_engine_is_no_image():
    with pytest.raises(ArtifactGone):
        body(replace(FORMATION, artifact="tree:sha256:" + "0" * 64))


def test_names_fit_and_keep_their_suffix():
    key = FormationKey("a" * 40, "s" * 40, "f")
    name = creation.name(RACK, replace(creation.berth(FORMATION, 0, "R"), key=key), "c0ffee")
    assert len(name) == creation.NAME_LENGTH
    assert name.endswith("-c0ffee")


def test_the_last_line_of_a_log_is_found_in_its_frames():
    def frame(content: bytes) -> bytes:
        return b"\x01\0\0\0" + len(content).to_bytes(4, "big") + content

    assert creation.last_line(frame(b"first\nsec") + frame(b"ond\n")) == "second"
    assert creation.last_line(b"") == ""


@pytest.mark.parametrize(
    ("user", "expected"), [("", True), ("root:x", True), ("0", True), ("app", False), ("7:0", False)]
)
def test_root_is_known_by_name_and_number(user: str, expected: bool):
    assert creation.is_root(user) is expected
