import asyncio
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sternway.core.errors import ArtifactGone, BuildFailed, ManifestInvalid
from sternway.core.release import BuildOptions
from sternway.engines import archive
from sternway.engines.process import artifacts, snapshot
from sternway.engines.process.builder import ProcessBuilder, sweep
from sternway.engines.process.dependencies.command import Runner
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
    return BuildOrder("shop", "BAAAAAAAAAA", "RAAAAAAAAAA", path, options or BuildOptions("key"))


async def build(directory: Path, files: Mapping[str, str]) -> tuple[BuildResult, list[str]]:
    lines: list[bytes] = []
    builder: Builder = ProcessBuilder(directory / "data")
    result = await builder.build(order(directory, files), lambda chunk: lines.append(chunk.removesuffix(b"\n")))
    return result, [line.decode() for line in lines]


def left(directory: Path) -> list[str]:
    """Return what there is of snapshots and of trees that were to become one."""
    data = directory / "data"
    return [path.name for place in ("building", "snapshots", "dependencies") for path in (data / place).glob("*")]


async def test_a_build_gives_the_manifest_as_it_stood_and_an_artifact_per_service(tmp_path: Path):
    result, lines = await build(tmp_path, SOURCE)
    assert result.manifest == MANIFEST
    artifact = result.artifacts["web"]
    assert lines == ["Unpacking 2 files, 75 bytes", f"Snapshot {artifact}", "Service web: python3 app.py"]
    assert (tmp_path / "data/snapshots" / artifact.rpartition(":")[2] / "app.py").read_text() == SOURCE["app.py"]
    await ProcessBuilder(tmp_path / "data").verify("shop", artifact)


async def test_the_size_of_an_artifact_is_that_of_its_files_until_it_is_gone(tmp_path: Path):
    result, _ = await build(tmp_path, {**SOURCE, "deep/er/file": "x" * 25})
    artifact, builder = result.artifacts["web"], ProcessBuilder(tmp_path / "data")
    assert await builder.sizes([artifact, "tree:unknown"]) == {artifact: 100}
    snapshot.discard(next((tmp_path / "data/snapshots").iterdir()))
    assert await builder.sizes([artifact]) == {}


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


async def test_what_is_discarded_goes_but_for_the_trees_that_are_needed(tmp_path: Path):
    kept, _ = await build(tmp_path, SOURCE)
    dropped, _ = await build(tmp_path, {**SOURCE, "app.py": "print('bye')\n"})
    builder: Builder = ProcessBuilder(tmp_path / "data")
    both, needed = [kept.artifacts["web"], dropped.artifacts["web"]], [f"{kept.artifacts['web']}#sub"]
    for _ in range(2):
        await builder.discard("shop", [*both, "docker:sha256:1"], needed=needed)
        assert await builder.missing("shop", both) == [dropped.artifacts["web"]]
    assert left(tmp_path) == [kept.artifacts["web"].rpartition(":")[2]]


async def test_a_service_that_is_built_in_a_directory_starts_there(tmp_path: Path):
    text = "services:\n  api:\n    build: ./services/api\n    command: ./run\n"
    result, _ = await build(tmp_path, {"convox.yml": text, "services/api/run": "#!/bin/sh\n"})
    assert result.artifacts["api"].endswith("#services/api")
    await ProcessBuilder(tmp_path / "data").verify("shop", result.artifacts["api"])


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
        await ProcessBuilder(tmp_path / "data").verify("shop", artifact)


# --- dependencies ---


def wheel(version: str) -> bytes:
    """Return the smallest wheel there is of a package `tiny`."""
    info, content = f"tiny-{version}.dist-info", io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("tiny.py", f"VERSION = {version!r}\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return content.getvalue()


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    for version in ("1.0", "2.0"):
        (tmp_path / f"tiny-{version}-py3-none-any.whl").write_bytes(wheel(version))
    return tmp_path


def source(wheels: Path, version: str) -> dict[str, str]:
    return SOURCE | {"requirements.txt": f"--no-index\n--find-links {wheels}\ntiny=={version}\n"}


def imported(data: Path, artifact: str) -> str:
    """Return which version a process that is started from the artifact imports."""
    located = artifacts.locate(data, artifact)
    path = ":".join([*map(str, located.path_entries), "/usr/bin:/bin"])
    environment = {**located.variables, "PATH": path}
    command = ["python", "-c", "import tiny; print(tiny.VERSION)"]
    return subprocess.check_output(command, env=environment, cwd=located.directory, text=True).strip()


async def test_each_artifact_has_the_dependencies_that_it_was_built_with(wheels: Path) -> None:
    old, _ = await build(wheels, source(wheels, "1.0"))
    new, lines = await build(wheels, source(wheels, "2.0"))
    again, later = await build(wheels, source(wheels, "1.0"))
    assert imported(wheels / "data", new.artifacts["web"]) == "2.0"
    assert imported(wheels / "data", old.artifacts["web"]) == "1.0"
    assert again.artifacts == old.artifacts
    assert "Successfully installed tiny-2.0" in lines
    assert any("prepared before" in line for line in later)


async def test_artifact_without_its_dependencies_does_not_verify(wheels: Path) -> None:
    result, _ = await build(wheels, source(wheels, "1.0"))
    builder = ProcessBuilder(wheels / "data")
    await builder.verify("shop", result.artifacts["web"])
    (prepared,) = artifacts.prepared(result.artifacts["web"])
    snapshot.discard(prepared.directory(wheels / "data"))
    with pytest.raises(ArtifactGone, match="dependencies"):
        await builder.verify("shop", result.artifacts["web"])


async def test_dependencies_that_were_discarded_are_not_taken_for_the_newest(wheels: Path) -> None:
    first, _ = await build(wheels, source(wheels, "1.0"))
    builder = ProcessBuilder(wheels / "data")
    anew = order(wheels, source(wheels, "1.0"), BuildOptions("key", use_cache=False))
    second = await builder.build(anew, lambda chunk: None)
    assert second.artifacts != first.artifacts
    await builder.discard("shop", second.artifacts.values(), needed=first.artifacts.values())
    assert await builder.missing("shop", second.artifacts.values()) == list(second.artifacts.values())
    again, _ = await build(wheels, source(wheels, "1.0"))
    assert again.artifacts == first.artifacts
    assert imported(wheels / "data", again.artifacts["web"]) == "1.0"


async def test_dependencies_that_are_nowhere_fail_with_what_pip_said(wheels: Path) -> None:
    with pytest.raises(BuildFailed, match=r"pip install exited with code 1: ERROR: .*tiny==9"):
        await build(wheels, source(wheels, "9.0"))
    assert left(wheels) == []


async def test_services_of_several_directories_have_dependencies_of_their_own(wheels: Path) -> None:
    text = "services:\n" + "".join(f"  {name}:\n    build: {name}\n    command: run\n" for name in ("api", "site"))
    files = {"convox.yml": text}
    for name, version in (("api", "1.0"), ("site", "2.0")):
        files[f"{name}/requirements.txt"] = source(wheels, version)["requirements.txt"]
    result, lines = await build(wheels, files)
    assert [imported(wheels / "data", result.artifacts[name]) for name in ("api", "site")] == ["1.0", "2.0"]
    assert {line.partition(" ")[0] for line in lines if "Successfully installed" in line} == {"[api]", "[site]"}


async def test_cancelled_build_leaves_nothing(tmp_path: Path) -> None:
    pip = "import time; print('begun', flush=True); time.sleep(600)"
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").write_text(f'#!/bin/sh\nexec /usr/bin/python3 -c "{pip}"\n')
    (programs / "python3").chmod(0o755)
    files = SOURCE | {"requirements.txt": "tiny==1\n"}
    begun = asyncio.Event()
    runner = Runner(path=f"{programs}:/usr/bin:/bin")
    slow = asyncio.create_task(
        ProcessBuilder(tmp_path / "data", runner=runner).build(order(tmp_path, files), lambda line: begun.set())
    )
    async with asyncio.timeout(10):
        await begun.wait()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert left(tmp_path) == []


# --- disk ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "data"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("size_bytes", [1_900_000, 5_000_000])
async def test_full_disk_fails_the_build_and_leaves_nothing(small_disk: Path, tmp_path: Path, size_bytes: int) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 1_000_000)
    with pytest.raises(BuildFailed, match="the disk of the rack is full") as caught:
        await build(tmp_path, SOURCE | {"large.bin": "x" * size_bytes})
    assert "free space" in caught.value.hint
    assert left(tmp_path) == []
    result, _ = await build(tmp_path, SOURCE)
    assert set(result.artifacts) == {"web"}


async def test_keys_without_effect_are_told_by_kind_in_one_line(tmp_path: Path) -> None:
    text = MANIFEST + "    privileged: true\n    links: [other]\n    prot: 1\nresources:\n  main:\n    type: postgres\n"
    _, lines = await build(tmp_path, SOURCE | {"convox.yml": text})
    told = [line for line in lines if line.startswith("Without effect")]
    assert told[0].endswith("services.web.links, resources")
    assert told[1].endswith("outside containers: services.web.privileged")
    assert any(line.startswith("Warning: ") and "prot" in line for line in lines)


async def test_what_builds_left_when_the_rack_ended_is_swept(tmp_path: Path) -> None:
    result, _ = await build(tmp_path, SOURCE)
    (tmp_path / "data/building/tmp123/sub").mkdir(parents=True)
    sweep(tmp_path / "data")
    assert len(left(tmp_path)) == 1
    await ProcessBuilder(tmp_path / "data").verify("shop", result.artifacts["web"])


@pytest.mark.parametrize("path", ["..", "/etc", "a/../.."])
async def test_directory_outside_the_source_is_refused(tmp_path: Path, path: str) -> None:
    text = f"services:\n  web:\n    build: {path}\n    command: run\n"
    with pytest.raises((BuildFailed, ManifestInvalid)):
        await build(tmp_path, {"convox.yml": text, "a/file": ""})
    assert left(tmp_path) == []
