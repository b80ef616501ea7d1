"""A rack on Docker with the example deployed, as tests of faults use it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.faults import deeds
from scripts.faults.containers import Container, Engine, rack_id
from scripts.faults.deeds import APP, HOST
from scripts.faults.rig import Rig, wait_for
from scripts.visitor import Visitor, ask

DOCKERFILE = b"FROM sternway-python\nCOPY . .\nENV HOST=0.0.0.0\nUSER nobody\n"


class Stand:
    """One rack, the engine that it works with, and a client that never retries."""

    def __init__(self, directory: Path, docker_host: str) -> None:
        self.rig = Rig(directory, uuid.uuid4().hex, docker_host)
        self.engine = Engine(docker_host)

    @property
    def data(self) -> Path:
        return self.rig.rack.data

    @property
    def id(self) -> str:
        """The id by which the engine knows the rack."""
        return rack_id(self.data)

    @contextmanager
    def running(self) -> Iterator["Stand"]:
        """Have the rack run inside the block, and nothing of it in the engine after."""
        try:
            with self.rig.running():
                yield self
        finally:
            self.engine.clear(self.id)

    def deploy(self, archive: bytes, app: str = APP, env: str = "GREETING=one", ends: str = "completed") -> str:
        """Create the app if it is new, build, and promote; return the release."""
        if self.rig.call("GET", f"/apps/{app}").status == 404:
            self.rig.call("POST", "/apps", {"name": app}).json()
            self.rig.call("PUT", f"/apps/{app}", {"parameters": "Standby=off"})
        build = self.rig.build(app, archive)
        built = self.rig.built(app, build)
        assert built["status"] == "complete", self.rig.call("GET", f"/apps/{app}/builds/{build}/logs").text
        release = self.rig.release(app, build=build, env=env)
        assert self.promote(release, app)["status"] == ends
        return release

    def deploy_example(self, app: str = APP) -> str:
        return self.deploy(deeds.source("1", self.rig.mark), app)

    def change(self, greeting: str) -> str:
        """Return a new release with another greeting; it is not promoted."""
        return self.rig.release(APP, env=f"GREETING={greeting}")

    def promote(self, release: str, app: str = APP) -> Any:
        """Promote, and return the attempt once it has ended."""
        answer = self.rig.call("POST", f"/apps/{app}/releases/{release}/promote", {}).json()
        return self.rig.promoted(app, answer["id"])

    def roll_back(self, release: str) -> str:
        """Roll back, wait for the end of it, and return the copy."""
        copy = self.rig.roll_back(APP, release)
        wait_for(lambda: self.rig.active(APP) == copy)
        return copy

    def greeting(self) -> str:
        """Return what the app answers with now."""
        return ask(self.rig.rack.router_port, HOST)["greeting"]

    def processes(self, app: str = APP) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.rig.get(f"/apps/{app}/processes")
        return listed

    def containers(self, app: str = APP) -> list[Container]:
        """Return the containers of an app that are not over, as the engine lists them."""
        return [each for each in self.engine.containers(self.id) if each.app == app and not each.is_over]

    @contextmanager
    def visited(self, app: str = APP) -> Iterator[Visitor]:
        """Have a client send requests all the time, which never retries."""
        visitor = Visitor(self.rig.rack.router_port, HOST.replace(APP, app))
        visitor.start()
        try:
            wait_for(lambda: visitor.sent > 20)
            yield visitor
            sent = visitor.sent
            wait_for(lambda: visitor.sent > sent + 20)
        finally:
            visitor.stop()


def source(code: str, manifest: str) -> bytes:
    """Return an archive of one program in Python, `app.py`."""
    return deeds.packed({"app.py": code.encode(), "convox.yml": manifest.encode(), "Dockerfile": DOCKERFILE})
