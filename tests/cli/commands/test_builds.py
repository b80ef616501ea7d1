import io
import subprocess
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sternway.wire import types
from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import END, TEXT, Answer, ScriptedRack, refusal

NEW = "RAXHPJHSWZO"
LOGS = "/apps/shop/builds/B1/logs"


def build(status: str, **members: Any) -> types.Build:
    return types.Build("B1", "shop", status, **members)


@pytest.fixture
def builder(rack: ScriptedRack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedRack:
    (folder / "convox.yml").write_text("services: {}\n")
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)
    rack.on(f"POST /apps/shop/objects/tmp/{'ab' * 15}.tgz", {"Url": "object://shop/tmp/x.tgz"})
    rack.on("POST /apps/shop/builds", build("running"))
    rack.on("GET /apps/shop/builds/B1", build("complete", release=NEW))
    rack.on_stream(LOGS, [(TEXT, b"step one\n"), (TEXT, b"step two\n"), END])
    rack.on("GET /apps/shop", samples.app())
    rack.on(f"POST /apps/shop/releases/{NEW}/promote", Answer())
    rack.on("GET /apps/shop/promotions", [samples.promotion(NEW)])
    rack.on("GET /apps/shop/promotions/7", samples.promotion(NEW, "completed"))
    return rack


BUILT = (
    "Packaging source... OK\nUploading source... OK\nStarting build... OK\nstep one\nstep two\n"
    f"Build:   B1\nRelease: {NEW}\n"
)


def test_build_shows_its_logs_and_what_came_of_it(run: Run, builder: ScriptedRack) -> None:
    ended = run("build")
    assert (ended.code, ended.out, ended.err) == (0, BUILT, "")
    with tarfile.open(fileobj=io.BytesIO(builder.requests[0].body)) as tar:
        assert tar.getnames() == ["convox.yml"]


def test_deploy_promotes_what_was_built(run: Run, builder: ScriptedRack) -> None:
    assert run("deploy").out == f"{BUILT}Promoting {NEW}... OK\n"


def test_deploy_with_id_prints_the_release_alone(run: Run, builder: ScriptedRack) -> None:
    ended = run("deploy", "--id")
    assert ended.out == NEW
    assert ended.err == f"{BUILT}Promoting {NEW}... OK\n"


def test_options_of_a_build_are_sent_only_when_given(run: Run, builder: ScriptedRack) -> None:
    run("build", "--build-args", "A=1", "--build-args", "B=2", "-d", "mine", "-m", "other.yml", "--no-cache")
    assert builder.request("POST /apps/shop/builds").form == {
        "url": "object://shop/tmp/x.tgz",
        "build-args": "A=1,B=2",
        "description": "mine",
        "manifest": "other.yml",
        "no-cache": "true",
    }


def test_clean_commit_describes_the_build(run: Run, builder: ScriptedRack, folder: Path) -> None:
    def git(*args: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        done = subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "New prices")
    sha = git("rev-parse", "HEAD")
    run("build")
    form = builder.request("POST /apps/shop/builds").form
    assert (form["git-sha"], form["description"]) == (sha, f"build {git('rev-parse', '--short', 'HEAD')} New prices")
    builder.requests.clear()
    (folder / "convox.yml").write_text("services: {web: {}}\n")
    run("build")
    assert builder.request("POST /apps/shop/builds").form.keys() == {"url"}


def test_failed_build_promotes_nothing(run: Run, builder: ScriptedRack) -> None:
    builder.on("GET /apps/shop/builds/B1", build("failed", reason="exit 2"))
    ended = run("deploy")
    assert ended.code == 1
    assert ended.err == "ERROR: build failed: exit 2\nhint: see it again: sternway builds logs B1 -a shop\n"
    assert f"POST /apps/shop/releases/{NEW}/promote" not in builder.lines()


def test_logs_that_were_cut_are_completed_afterwards(run: Run, builder: ScriptedRack) -> None:
    whole = [(TEXT, b"step one\nstep two\n"), END]
    builder.on_stream(LOGS, [(TEXT, b"step one\ns")], whole)
    assert run("build").out == BUILT


def test_list_and_info_show_builds(run: Run, rack: ScriptedRack) -> None:
    started = datetime.now(UTC) - timedelta(hours=2, seconds=1)
    done = build("complete", release=NEW, started=started, ended=started + timedelta(seconds=61), description="d")
    rack.on("GET /apps/shop/builds", [done])
    rack.on("GET /apps/shop/builds/B1", done)
    assert run("builds").out == (
        f"ID  STATUS    RELEASE      STARTED      ELAPSED  DESCRIPTION\nB1  complete  {NEW}  2 hours ago  1m1s     d\n"
    )
    assert run("builds", "info", "B1").out.startswith(f"Id           B1\nStatus       complete\nRelease      {NEW}\n")
    assert '"release": "RAXHPJHSWZO"' in run("builds", "--json").out


def test_logs_of_a_build_are_printed_as_they_are(run: Run, builder: ScriptedRack) -> None:
    builder.on_stream(LOGS, [(TEXT, b"\xff one\n"), END])
    assert run("builds", "logs", "B1").out.encode(errors="surrogateescape") == b"\xff one\n"


def test_logs_of_an_unknown_build_are_not_found(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop/builds/B9", refusal(404, "build not found: B9"))
    assert run("builds", "logs", "B9").code == 3


def test_cancel_stops_a_build(run: Run, rack: ScriptedRack, folder: Path) -> None:
    rack.on("DELETE /apps/shop/builds/B1", build("failed", reason="cancelled by ann"))
    ended = run("builds", "cancel", "B1", "--reason", "wrong branch")
    assert (ended.code, ended.out) == (0, "Cancelling B1... OK\n")
    assert rack.request("DELETE /apps/shop/builds/B1").form == {"reason": "wrong branch"}
