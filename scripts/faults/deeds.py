"""What people do with an app, each up to the moment at which the rack may die and then on from there.

A deed is a generator: it prepares, yields, and does what it is about. What the rack acknowledges on the way
is remembered by the rig; when the rack dies first, `Unanswered` leaves the deed where it is.
"""

import gzip
import io
import itertools
import socket
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from scripts.faults.rig import Rig, wait_for
from sternway.core.crossing import Crossing

APP = "hello"
HOST = "web.hello.localhost"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello"
GREETINGS = {"1": "one", "2": "two"}
"""What belongs together: the version in the code, and the greeting in the environment."""
EXITS = "import sys; sys.exit('this version does not start')\n"
WORKER = """
  worker:
    build: .
    command: python3 -c "import signal; signal.pause()"
"""
COMMANDS = """
    release: python3 -c "print('migrated')"
    rollback: python3 -c "print('back')"
"""
ENDLESS = """
    release: sleep 1000
"""
HANGS = "import signal; signal.pause()\n"


class Stage:
    """The app with two releases that work, and builds of one that exits and of one that never gets healthy."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._builds: dict[str, str] = {}
        self._newest: dict[str, str] = {}
        self._numbers = itertools.count()

    def set_up(self) -> None:
        """Create the app and deploy its first version."""
        self.rig.call("POST", "/apps", {"name": APP}).json()
        self.stand_by("off")
        wanted = {"1": source("1", self.rig.mark), "2": source("2", self.rig.mark)}
        wanted |= {name: source(name, self.rig.mark, code) for name, code in (("exits", EXITS), ("hangs", HANGS))}
        wanted |= {"migrates": source("2", self.rig.mark, commands=COMMANDS)}
        wanted |= {"endless": source("2", self.rig.mark, commands=ENDLESS)}
        ordered = {version: self.rig.build(APP, archive) for version, archive in wanted.items()}
        for version, build in ordered.items():
            if self.rig.built(APP, build)["status"] != "complete":
                raise RuntimeError(f"version {version} was not built")
        self._builds = ordered
        self.rig.promoted(APP, self.rig.promote(APP, self.release("1")))

    def release(self, version: str) -> str:
        """Make a release of a version with the greeting that belongs to it."""
        env = f"GREETING={GREETINGS.get(version, version)}"
        self._newest[version] = self.rig.release(APP, build=self._builds[version], env=env)
        return self._newest[version]

    def new_release(self, version: str) -> str:
        """Make a release of a version with commands; its content is new, so that they are due."""
        env = f"GREETING={GREETINGS['2']}\nNUMBER={next(self._numbers)}"
        return self.rig.release(APP, build=self._builds[version], env=env)

    def other(self) -> str:
        """Return the version that is not active."""
        active = self.rig.get(f"/apps/{APP}/releases/{self.rig.active(APP)}")
        return "2" if active["build"] == self._builds["1"] else "1"

    def newest_of(self, version: str) -> str:
        """Return the newest release of a version that was made, and not copied."""
        if version not in self._newest:
            self.release(version)
        return self._newest[version]

    def expect_active(self, release: str | None) -> None:
        """From here on this release is active; None while the rack has yet to say which."""
        self.rig.acknowledged.pop(f"/apps/{APP}", None)
        if release:
            self.rig.acknowledge(f"/apps/{APP}", release=release)

    def expect_command(self, release: str, /, **members: object) -> None:
        """From here on this is what the first command says that promotions of the release ran."""
        self.rig.acknowledge(f"/apps/{APP}/releases/{release}/commands", **{"status": "succeeded", **members})

    def stand_by(self, how_long: str) -> None:
        """Set how long what was replaced is kept."""
        answer = self.rig.call("PUT", f"/apps/{APP}", {"parameters": f"Standby={how_long}"})
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {answer.text}")

    def scale(self, count: int) -> None:
        self.rig.acknowledged.pop(f"/apps/{APP}/services", None)
        self.rig.call("PUT", f"/apps/{APP}/services/web", {"count": count})
        self.rig.acknowledge(f"/apps/{APP}/services", count=count)


Deed = Callable[[Stage], Iterator[None]]


def build(stage: Stage) -> Iterator[None]:
    archive = source("1", stage.rig.mark)
    yield
    stage.rig.build(APP, archive)


def build_nonsense(stage: Stage) -> Iterator[None]:
    yield
    stage.rig.build(APP, packed({"README": b"no manifest here"}))


def cancel_build(stage: Stage) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an index of packages that never answers
        build = stage.rig.build(APP, endless(silent.getsockname()[1]))
        wait_for(lambda: any(stage.rig.unpacked.glob("*")))
        yield
        stage.rig.acknowledge(f"/apps/{APP}/builds/{build}", status="failed")
        stage.rig.call("DELETE", f"/apps/{APP}/builds/{build}")


def make_release(stage: Stage) -> Iterator[None]:
    version = stage.other()
    yield
    stage.release(version)


def promote(stage: Stage) -> Iterator[None]:
    release = stage.release(stage.other())
    yield
    stage.expect_active(None)
    stage.rig.promote(APP, release)
    stage.expect_active(release)


def roll_back(stage: Stage) -> Iterator[None]:
    release = stage.newest_of(stage.other())
    yield
    stage.expect_active(None)
    stage.expect_active(stage.rig.roll_back(APP, release))


def go_back_to_standby(stage: Stage) -> Iterator[None]:
    stage.stand_by("1h")
    before, release = stage.rig.active(APP), stage.release(stage.other())
    stage.expect_active(None)
    stage.rig.promoted(APP, stage.rig.promote(APP, release))
    stage.expect_active(release)
    yield
    stage.expect_active(None)
    stage.expect_active(stage.rig.roll_back(APP, before))


def promote_what_exits(stage: Stage) -> Iterator[None]:
    release = stage.release("exits")
    stage.expect_active(stage.rig.active(APP))
    yield
    stage.rig.promote(APP, release, ends="reverted")


def cancel(stage: Stage) -> Iterator[None]:
    stage.expect_active(stage.rig.active(APP))
    stage.rig.promote(APP, stage.release("hangs"), ends="reverted")
    wait_for(lambda: stage.rig.get(f"/apps/{APP}")["status"] == "updating")
    yield
    stage.rig.call("POST", f"/apps/{APP}/cancel")


def promote_what_migrates(stage: Stage) -> Iterator[None]:
    release = stage.new_release("migrates")
    yield
    stage.expect_active(None)
    stage.rig.promote(APP, release)
    stage.expect_active(release)
    stage.expect_command(release, kind="release", output="migrated\n")


def roll_back_and_undo(stage: Stage) -> Iterator[None]:
    before, release = stage.newest_of("1"), stage.new_release("migrates")
    stage.expect_active(None)
    stage.rig.promoted(APP, stage.rig.promote(APP, release))
    stage.expect_active(release)
    yield
    stage.expect_active(None)
    copy = stage.rig.roll_back(APP, before, **{"run-rollback-commands": "true"})
    stage.expect_active(copy)
    stage.expect_command(copy, kind="rollback", release=release, output="back\n")


def cancel_what_migrates(stage: Stage) -> Iterator[None]:
    release = stage.new_release("endless")
    stage.expect_active(stage.rig.active(APP))
    stage.rig.promote(APP, release, ends="reverted")
    wait_for(lambda: [run for run in stage.rig.get(f"/apps/{APP}/releases/{release}/commands") if run["process"]])
    yield
    stage.rig.call("POST", f"/apps/{APP}/cancel")
    stage.expect_command(release, kind="release", status="stopped")


def scale_up(stage: Stage) -> Iterator[None]:
    yield from _scale(stage, 2, 3)


def scale_down(stage: Stage) -> Iterator[None]:
    yield from _scale(stage, 3, 2)


def _scale(stage: Stage, before: int, after: int) -> Iterator[None]:
    if stage.rig.get(f"/apps/{APP}/services")[0]["count"] != before:
        stage.scale(before)
        stage.rig.settle(APP)
    yield
    stage.scale(after)


_ROLLOUT = (
    Crossing.PROMOTION_ADDING,
    Crossing.PROMOTION_ADDED,
    Crossing.STARTING,
    Crossing.STARTED,
    Crossing.RECORDING_UPDATING,
    Crossing.RECORDED_UPDATING,
    Crossing.SWITCHING,
    Crossing.SWITCHED,
    Crossing.RECORDING_COMPLETED,
    Crossing.RECORDED_COMPLETED,
    Crossing.RETIRING,
    Crossing.RETIRED,
)

KILLS: Mapping[Deed, tuple[Crossing, ...]] = {
    build: (
        Crossing.SOURCE_STORED,
        Crossing.BUILD_ORDERED,
        Crossing.BUILD_BEGUN,
        Crossing.BUILD_SPEAKING,
        Crossing.BUILD_MADE,
        Crossing.BUILD_LOGGED,
        Crossing.BUILD_CONCLUDING,
        Crossing.BUILD_CONCLUDED,
        Crossing.SOURCE_FORGOTTEN,
    ),
    build_nonsense: (Crossing.BUILD_FAILED,),
    cancel_build: (Crossing.BUILD_CANCELLED,),
    make_release: (Crossing.RELEASE_ADDING, Crossing.RELEASE_ADDED),
    promote: _ROLLOUT,
    roll_back: _ROLLOUT,
    go_back_to_standby: (
        Crossing.PROMOTION_ADDED,
        Crossing.FREEZING,
        Crossing.FROZEN,
        Crossing.STARTING,
        Crossing.STARTED,
        Crossing.SWITCHING,
        Crossing.SWITCHED,
        Crossing.RECORDING_COMPLETED,
        Crossing.RECORDED_COMPLETED,
    ),
    promote_what_exits: (
        Crossing.STARTED,
        Crossing.RECORDING_REVERTING,
        Crossing.RECORDED_REVERTING,
        Crossing.RECORDING_REVERTED,
        Crossing.RECORDED_REVERTED,
        Crossing.RETIRING,
        Crossing.RETIRED,
    ),
    cancel: (Crossing.PROMOTION_CANCELLED, Crossing.RECORDED_REVERTED),
    promote_what_migrates: (
        Crossing.COMMAND_BEGINNING,
        Crossing.COMMAND_BEGUN,
        Crossing.COMMAND_LAUNCHED,
        Crossing.COMMAND_RUNNING,
        Crossing.COMMAND_LOGGED,
        Crossing.COMMAND_ENDING,
        Crossing.COMMAND_ENDED,
    ),
    roll_back_and_undo: (Crossing.COMMAND_LAUNCHED, Crossing.COMMAND_ENDED),
    cancel_what_migrates: (Crossing.COMMAND_STOPPING, Crossing.COMMAND_STOPPED),
    scale_up: (Crossing.SCALING, Crossing.SCALED, Crossing.STARTING, Crossing.STARTED, Crossing.SWITCHED),
    scale_down: (Crossing.SCALED, Crossing.SWITCHING, Crossing.SWITCHED, Crossing.RETIRING, Crossing.RETIRED),
}
"""At which crossings the rack is killed during which deed."""


def source(version: str, mark: str, code: str | None = None, commands: str = "") -> bytes:
    """Return the example as an archive, saying that it is of this version; `web` may have release commands."""
    manifest = (EXAMPLE / "convox.yml").read_text().rstrip() + commands + WORKER
    return packed(
        {
            "app.py": code.encode() if code else (EXAMPLE / "app.py").read_bytes(),
            "convox.yml": manifest.replace("environment:\n", f"environment:\n  - FAULT_MARK={mark}\n", 1).encode(),
            "Dockerfile": (EXAMPLE / "Dockerfile").read_bytes(),
            "version.txt": version.encode(),
        }
    )


def endless(port: int) -> bytes:
    """Return an archive whose build does not end: it waits for an index of packages at that port, or just sleeps."""
    index = f"--index-url http://127.0.0.1:{port}/simple\ntiny==1\n"
    return packed(
        {
            "convox.yml": b"services: {web: {build: ., command: ./web}}",
            "requirements.txt": index.encode(),
            "Dockerfile": b"FROM sternway-busybox\nRUN sleep 1000\n",
        }
    )


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a gzip tar of these files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, body in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return gzip.compress(content.getvalue(), 1)
