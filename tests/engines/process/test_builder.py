import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from sternway.core.errors import ArtifactGone, BuildFailed, ManifestInvalid
from sternway.core.release import BuildOptions
from sternway.engines.process import archive
from sternway.engines.process.builder import ProcessBuilder
from sternway.ports import Builder, BuildOrder, BuildResult

MANIFEST = "services:\n  web:\n    command: python3 app.py\n    port: 3000\n"
SOURCE = {"convox.yml": MANIFEST, "app.py": "print('hello')\n"}


def order(directory: Path, files: Mapping[str, str], options: BuildOptions | None = None) -> BuildOrder:
    path = directory / "source.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for number, (name, text) in enumerate(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text.encode()), number
            tar.addfile(info, io.BytesIO(text.encode()))
    return BuildOrder("shop", "BAAAAAAAAAA", path, options or BuildOptions("key"))


async def build(directory: Path, files: Mapping[str, str]) -> tuple[BuildResult, list[str]]:
    lines: list[bytes] = []
    builder: Builder = ProcessBuilder(directory / "data")
    result = await builder.build(order(directory, files), lambda chunk: lines.append(chunk.removesuffix(b"\n")))
    return result, [line.decode() for line in lines]


def left(directory: Path) -> list[str]:
    """Return what there is of snapshots and of trees that were to become one."""
    data = directory / "data"
    return [path.name for place in ("building", "snapshots") for path in (data / place).glob("*")]


async def test_a_build_gives_the_manifest_as_it_stood_and_an_artifact_per_service(tmp_path: Path):
    result, lines = await build(tmp_path, SOURCE)
    assert result.manifest == MANIFEST
    artifact = result.artifacts["web"]
    assert lines == ["Unpacking 2 files, 75 bytes", f"Snapshot {artifact}", "Service web: python3 app.py"]
    assert (tmp_path / "data/snapshots" / artifact.rpartition(":")[2] / "app.py").read_text() == SOURCE["app.py"]
    await ProcessBuilder(tmp_path / "data").verify(artifact)


async def test_the_same_source_gives_the_same_artifact_and_is_kept_once(tmp_path: Path):
    first, _ = await build(tmp_path, SOURCE)
    second, _ = await build(tmp_path, dict(reversed(SOURCE.items())))
    assert first.artifacts == second.artifacts
    assert len(left(tmp_path)) == 1


async def test_another_content_gives_another_artifact(tmp_path: Path):
    first, _ = await build(tmp_path, SOURCE)
    second, _ = await build(tmp_path, SOURCE | {"app.py": "print('bye')\n"})
    assert first.artifacts != second.artifacts


async def test_a_snapshot_cannot_be_written(tmp_path: Path):
    await build(tmp_path, SOURCE)
    (snapshot,) = (tmp_path / "data/snapshots").iterdir()
    assert [path.stat().st_mode & 0o222 for path in (snapshot, *snapshot.rglob("*"))] == [0, 0, 0]


async def test_a_service_that_is_built_in_a_directory_starts_there(tmp_path: Path):
    text = "services:\n  api:\n    build: ./services/api\n    command: ./run\n"
    result, _ = await build(tmp_path, {"convox.yml": text, "services/api/run": "#!/bin/sh\n"})
    assert result.artifacts["api"].endswith("#services/api")
    await ProcessBuilder(tmp_path / "data").verify(result.artifacts["api"])


async def test_variables_of_the_manifest_stay_as_they_are(tmp_path: Path):
    text = "services:\n  web:\n    command: run ${NAME}\n"
    result, lines = await build(tmp_path, {"convox.yml": text})
    assert result.manifest == text
    assert lines[-1] == "Service web: run ${NAME}"


async def test_a_procfile_stands_for_a_manifest(tmp_path: Path):
    result, _ = await build(tmp_path, {"Procfile": "web: python3 app.py\n"})
    assert "python3 app.py" in result.manifest
    assert set(result.artifacts) == {"web"}


async def test_another_manifest_can_be_named(tmp_path: Path):
    options = BuildOptions("key", manifest_path="deploy/other.yml")
    wanted = order(tmp_path, {"deploy/other.yml": MANIFEST}, options)
    result = await ProcessBuilder(tmp_path / "data").build(wanted, lambda line: None)
    assert result.manifest == MANIFEST


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"app.py": ""}, "convox.yml is not in the source"),
        ({"convox.yml": "services:\n  web:\n    port: 3000\n"}, "service web has no command"),
        ({"convox.yml": "services:\n  web:\n    build: nowhere\n    command: x\n"}, "nowhere is no directory"),
        ({"convox.yml": "#" * 2_000_000}, "larger than"),
    ],
)
async def test_a_source_that_cannot_run_fails_and_leaves_nothing(tmp_path: Path, files: Mapping[str, str], reason: str):
    with pytest.raises(BuildFailed, match=reason):
        await build(tmp_path, files)
    assert left(tmp_path) == []


async def test_an_invalid_manifest_fails_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(ManifestInvalid):
        await build(tmp_path, {"convox.yml": "services:\n  web:\n    port: many\n"})
    assert left(tmp_path) == []


async def test_a_manifest_outside_the_source_is_refused(tmp_path: Path):
    (tmp_path / "secret.yml").write_text(MANIFEST)
    wanted = order(tmp_path, SOURCE, BuildOptions("key", manifest_path="../../../secret.yml"))
    with pytest.raises(BuildFailed, match="not in the source"):
        await ProcessBuilder(tmp_path / "data").build(wanted, lambda line: None)


async def test_a_refused_archive_leaves_nothing(tmp_path: Path):
    builder = ProcessBuilder(tmp_path / "data", bounds=archive.Bounds(files=1))
    with pytest.raises(BuildFailed, match="more than 1 files"):
        await builder.build(order(tmp_path, SOURCE), lambda line: None)
    assert left(tmp_path) == []


@pytest.mark.parametrize("artifact", ["tree:sha256:" + "0" * 64, "memory:x", f"tree:sha256:{'0' * 64}#../../etc"])
async def test_what_is_not_there_does_not_verify(tmp_path: Path, artifact: str):
    with pytest.raises(ArtifactGone):
        await ProcessBuilder(tmp_path / "data").verify(artifact)
