import json
from dataclasses import asdict

import pytest

from sternway.supervisor import confinement, sandbox
from sternway.supervisor.cgroup import Limits
from sternway.supervisor.confinement import Bind, Confinement

WHOLE = Confinement(
    groups=("/sys/fs/cgroup/rack/process",),
    limits=Limits(memory_mib=64, tasks=10),
    resources={"core": 0},
    user=300_000,
    covers=("/rack",),
    binds=(Bind("/rack/home", "/rack/home", is_writable=True), Bind("/rack/tree", "/app")),
    sandbox="/usr/bin/bwrap",
    system=("/usr",),
)


@pytest.mark.parametrize("wanted", [Confinement(), WHOLE])
def test_a_confinement_survives_its_way_to_the_supervisor(wanted: Confinement):
    assert confinement.parse(json.loads(json.dumps(asdict(wanted)))) == wanted


def test_nothing_is_kept_apart_unless_it_is_asked_for():
    assert confinement.parse({}) == Confinement()


def test_the_command_line_of_a_sandbox_holds_the_command_and_no_variable():
    words = sandbox.command(WHOLE, "exec run", 12)
    assert words[:3] == ["/usr/bin/bwrap", "--args", "12"]
    assert words[-1].endswith("\nexec run")


def test_the_options_of_a_sandbox_are_in_a_file_in_memory():
    with open(sandbox.write_options(WHOLE, "/app", {"TOKEN": "secret\nof two lines"}), "rb") as file:
        words = file.read().split(b"\0")
    text = " ".join(word.decode() for word in words)
    assert "--bind /rack/home /rack/home --ro-bind /rack/tree /app" in text
    assert "--chdir /app --setenv TOKEN secret\nof two lines" in text
