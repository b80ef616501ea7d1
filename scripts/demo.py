"""The main job, by itself: deploy an app twice, roll it back, and prove each step over HTTP.

Everything runs in a temporary directory on free ports of the loopback interface, through the same commands
that a person would type. A client sends requests all the time and never retries.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.rack_process import RackProcess
from scripts.visitor import Visitor, ask
from sternway.engines.docker import presence

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "examples" / "hello"
HOST = "web.hello.localhost"
NO_ENGINE = (
    "demo: no Docker engine answers at {}; to have one for this command: scripts/with_docker.sh make demo ENGINE=docker"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="process")
    arguments = parser.parse_args()
    if arguments.engine == "docker" and not presence.answers(presence.address()):
        print(NO_ENGINE.format(presence.address()), file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sternway-demo-") as directory:
        rack = RackProcess(Path(directory) / "rack", engine=arguments.engine)
        with rack.running():
            return Demo(rack, Path(directory)).run()


class Demo:
    def __init__(self, rack: RackProcess, directory: Path) -> None:
        self.rack = rack
        self.source = directory / "hello"
        shutil.copytree(EXAMPLE, self.source)

    def run(self) -> int:
        say(f"A rack is running: {self.rack.summary()}")
        self.sternway("apps", "create", "hello")
        say("Version 1")
        self.sternway("deploy")
        self.show()
        first = self.active_release()
        with visiting(self.rack) as visitor:
            say("Another value for GREETING: a new release of the same build")
            self.sternway("env", "set", "GREETING=bonjour", "--promote")
            self.show()
            good = self.active_release()
            say("Version 2, with yet another value")
            (self.source / "version.txt").write_text("2\n")
            self.sternway("env", "set", "GREETING=hola")
            self.sternway("deploy")
            self.show()
            self.sternway("releases")
            say(f"Back to {good}: version 1 and its value, as they were")
            took = self.roll_back(good, visitor)
            self.show()
            self.sternway("releases")
        return self.report(visitor, took, {first, good})

    def roll_back(self, release: str, visitor: Visitor) -> "Timing":
        began = time.monotonic()
        visitor.expect(version="1", greeting="bonjour")
        self.sternway("releases", "rollback", release)
        return Timing(visitor.wait_for_expected() - began, time.monotonic() - began)

    def report(self, visitor: Visitor, took: "Timing", known: set[str]) -> int:
        answer = ask(self.rack.router_port, HOST)
        is_back = answer["version"] == "1" and answer["greeting"] == "bonjour"
        say("Result")
        print(f"  requests sent while all this went on   {visitor.sent}")
        print(f"  of these failed                        {visitor.failed}")
        print(f"  from the command to the first answer   {took.first_answer_s * 1000:.0f} ms")
        print(f"  the whole rollback command             {took.command_s * 1000:.0f} ms")
        for failure in visitor.failures[:5]:
            print(f"  failure: {failure}")
        return 0 if is_back and visitor.failed == 0 and visitor.sent > 0 else 1

    def active_release(self) -> str:
        return str(json.loads(self.rack.sternway("apps", "info", "hello", "--json"))["release"])

    def sternway(self, *words: str) -> None:
        print(f"$ sternway {' '.join(words)}", flush=True)
        self.rack.run("sternway", *words, cwd=self.source)

    def show(self) -> None:
        print(f"$ curl http://{HOST}:{self.rack.router_port}/")
        print(f"{ask(self.rack.router_port, HOST)}", flush=True)


class Timing:
    def __init__(self, first_answer_s: float, command_s: float) -> None:
        self.first_answer_s = first_answer_s
        self.command_s = command_s


@contextmanager
def visiting(rack: RackProcess) -> Iterator[Visitor]:
    visitor = Visitor(rack.router_port, HOST)
    visitor.start()
    try:
        yield visitor
    finally:
        visitor.stop()


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as exc:
        sys.exit(f"demo: {' '.join(map(str, exc.cmd))} ended with {exc.returncode}")
