"""The script at the head of the executable: where it unpacks, and what it starts. Its payload is a script here."""

import io
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.version import cli

VERSION = "20260101000000"
PROGRAM = '#!/bin/sh\necho "$STERNWAY_EXECUTABLE|$*"\nexit "${CODE:-0}"\n'
Start = Callable[..., "subprocess.CompletedProcess[str]"]


def payload(program: str = PROGRAM) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("sternway/sternway")
        member.mode, member.size = 0o755, len(program)
        tar.addfile(member, io.BytesIO(program.encode()))
    return packed.getvalue()


@pytest.fixture
def executable(tmp_path: Path) -> Path:
    path = tmp_path / "with spaces" / "sternway"
    path.parent.mkdir()
    path.write_bytes(cli.wrapped(VERSION, payload()))
    path.chmod(0o755)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".cache" / "sternway" / "cli"


@pytest.fixture
def start(tmp_path: Path, executable: Path) -> Start:
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()

    def start(*words: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        told = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
        command = words or (executable, "a", "b c")
        return subprocess.run(
            command, env=told | variables, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
        )

    return start


def unpacked(directory: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in directory.iterdir())


def test_it_unpacks_once_and_starts_what_it_unpacked(start: Start, cache: Path, executable: Path) -> None:
    assert start().stdout == f"{executable}|a b c\n"
    first = [path.stat().st_ino for path in cache.iterdir()]
    assert start(executable).stdout == f"{executable}|\n"
    assert [path.stat().st_ino for path in cache.iterdir()] == first


def test_only_its_user_may_change_what_is_unpacked(start: Start, cache: Path) -> None:
    start()
    found = [cache, *cache.rglob("*")]
    assert [path for path in found if path.stat().st_mode & 0o077] == []


def test_exit_code_is_that_of_the_program(start: Start) -> None:
    assert start(CODE="4").returncode == 4


@pytest.mark.parametrize("words", [("sternway",), ("./sternway",), ("sh", "sternway")], ids="-".join)
def test_it_finds_itself_whichever_way_it_is_called(
    start: Start, executable: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    shutil.copy(executable, tmp_path / "sternway")
    found = start(*words, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert os.path.normpath(found.stdout.partition("|")[0]) == str(tmp_path / "sternway")


def test_a_link_keeps_its_name(start: Start, executable: Path) -> None:
    link = executable.with_name("convox")
    link.symlink_to("sternway")
    assert start(link).stdout == f"{link}|\n"


def test_two_first_starts_at_once_both_work(start: Start, cache: Path) -> None:
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(start().returncode)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0, 0]
    assert unpacked(cache) == [VERSION]


def test_a_cut_off_executable_leaves_nothing(start: Start, cache: Path, executable: Path) -> None:
    executable.write_bytes(executable.read_bytes()[:-40])
    ended = start()
    assert ended.returncode == 1
    assert ended.stderr.startswith("ERROR: sternway cannot unpack itself")
    assert list(cache.iterdir()) == []


def test_a_place_without_its_program_is_unpacked_again(start: Start, cache: Path) -> None:
    start()
    (place,) = cache.iterdir()
    (place / "sternway").unlink()
    assert start().returncode == 0


def test_what_others_could_have_written_is_not_started(start: Start, cache: Path, tmp_path: Path) -> None:
    start()
    (place,) = cache.iterdir()
    (place / "sternway").write_text("#!/bin/sh\necho evil\n")
    cache.chmod(0o777)
    assert "evil" not in start().stdout
    assert unpacked(tmp_path / "tmp" / f"sternway-{os.getuid()}") == [VERSION]


def test_a_linked_place_is_not_started(start: Start, cache: Path, tmp_path: Path) -> None:
    start()
    (place,) = cache.iterdir()
    place.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "sternway").write_text("#!/bin/sh\necho evil\n")
    place.symlink_to(tmp_path / "elsewhere")
    assert "evil" not in start().stdout


@pytest.mark.parametrize("home", ["", "/nonexistent", "/proc"])
def test_without_a_home_it_uses_a_temporary_directory(start: Start, tmp_path: Path, home: str) -> None:
    assert start(HOME=home).returncode == 0
    assert unpacked(tmp_path / "tmp" / f"sternway-{os.getuid()}") == [VERSION]


def test_with_nowhere_to_unpack_it_says_what_to_do(start: Start) -> None:
    ended = start(HOME="/proc", TMPDIR="/proc")
    assert (ended.returncode, "XDG_CACHE_HOME" in ended.stderr) == (1, True)


def test_versions_that_nobody_starts_are_removed_in_the_end(start: Start, cache: Path, tmp_path: Path) -> None:
    start()
    other = tmp_path / "other"
    other.write_bytes(cli.wrapped("20260201000000", payload()).replace(b"kept_days=30", b"kept_days=-1"))
    other.chmod(0o755)
    left = cache / ".new.left"
    left.mkdir()
    os.utime(left, (0, 0))
    start(other)
    assert unpacked(cache) == ["20260201000000"]
