"""Sources as a client uploads them, and what a build of one gives, for the tests of the Docker builder."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sternway.core.registry import Registries
from sternway.core.release import BuildOptions
from sternway.engines.docker.builds.builder import DockerBuilder
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.connection import Connection
from sternway.ports import BuildOrder, BuildResult
from tests.engines.docker.registry import Registry

BASE = "sternway-busybox"


def order(directory: Path, files: Mapping[str, str], options: BuildOptions | None = None) -> BuildOrder:
    path = directory / "source.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for number, (name, text) in enumerate(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text.encode()), number
            tar.addfile(info, io.BytesIO(text.encode()))
    return BuildOrder("shop", "BAAAAAAAAAA", "RAAAAAAAAAA", path, options or BuildOptions("key"))


@dataclass(slots=True)
class Bench:
    """A builder on a real engine, in a directory of its own; `log` is what it printed."""

    connection: Connection
    rack: str
    directory: Path
    registries: Registries = field(default_factory=Registries)
    log: bytes = b""

    @property
    def images(self) -> Images:
        return Images(self.connection, self.rack, self._known)

    @property
    def builder(self) -> DockerBuilder:
        return DockerBuilder(self.connection, self.rack, self.images, data=self.directory / "data")

    async def build(self, files: Mapping[str, str], options: BuildOptions | None = None) -> BuildResult:
        return await self.builder.build(order(self.directory, files, options), self.hear)

    def hear(self, chunk: bytes) -> None:
        self.log += chunk

    async def inspect(self, artifact: str) -> dict[str, Any]:
        found = await self.connection.docker.images.inspect(artifact.removeprefix("docker:"))
        return dict(found)

    async def tags(self) -> list[str]:
        found = await self.connection.docker.images.list(filters={"reference": [f"sternway-{self.rack}/*"]})
        return sorted(tag.partition("/")[2] for image in found for tag in image["RepoTags"])

    def left(self) -> list[str]:
        return [path.name for path in (self.directory / "data/building").glob("*")]

    async def _known(self) -> Registries:
        return self.registries


async def private_image(bench: Bench, private: Registry) -> str:
    """Put the base image into a private registry, and let the engine have it under no such name."""
    base = await bench.images.find(BASE)
    assert base is not None
    bench.registries = Registries({private.server: private.login}, push_to=private.server)
    await bench.images.push("base", base, lambda line: None)
    bench.registries = Registries()
    return f"{private.server}/base:{base.removeprefix('sha256:')}"
