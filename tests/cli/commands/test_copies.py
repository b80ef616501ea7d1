import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

FILES = "/apps/shop/processes/web/files"


def tar_of(*members: tuple[str, bytes | None, int] | tarfile.TarInfo) -> Answer:
    """Return an archive of files and, without content, directories."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            name, content, mode = member
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = mode, 1000
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return Answer(200, written.getvalue(), "application/x-tar")


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def sent(rack: ScriptedRack) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(rack.request(f"POST {FILES}").body)) as archive:
        return {member.name: member for member in archive}


def test_directory_goes_to_where_it_is_told_with_its_modes(run: Run, rack: ScriptedRack, folder: Path) -> None:
    rack.on(f"POST {FILES}", Answer())
    (folder / "conf").mkdir()
    (folder / "conf" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "conf" / "run.sh").chmod(0o750)
    assert run("cp", "conf", "web:/srv/settings").code == 0
    members = sent(rack)
    assert set(members) == {"srv/settings", "srv/settings/run.sh"}
    script = members["srv/settings/run.sh"]
    assert (script.mode & 0o777, script.uid, script.uname, script.size) == (0o750, 0, "", 10)


def test_slash_at_the_end_keeps_the_name(run: Run, rack: ScriptedRack, folder: Path) -> None:
    rack.on(f"POST {FILES}", Answer())
    (folder / "a.txt").write_text("a")
    run("cp", "a.txt", "web:/tmp/")
    assert set(sent(rack)) == {"tmp/a.txt"}


def test_file_comes_into_a_directory_or_under_another_name(run: Run, rack: ScriptedRack, folder: Path) -> None:
    rack.on(f"GET {FILES}", tar_of(("hosts", b"localhost\n", 0o604)))
    assert run("cp", "web:/etc/hosts", ".").code == 0
    assert run("cp", "web:/etc/hosts", "other").code == 0
    assert run("cp", "web:/etc/hosts", "new/").code == 0
    for path in ("hosts", "other", "new/hosts"):
        assert (folder / path).read_bytes() == b"localhost\n"
        assert (folder / path).stat().st_mode & 0o777 == 0o604
    assert rack.requests[0].query == {"file": "/etc/hosts"}


@pytest.mark.parametrize("top", ["conf", "srv/conf"])
def test_directory_comes_whole_from_racks_of_every_make(run: Run, rack: ScriptedRack, folder: Path, top: str) -> None:
    members = [(top, None, 0o555), (f"{top}/a", b"a", 0o644), (f"{top}/in/b", b"b", 0o600)]
    rack.on(
        f"GET {FILES}", tar_of(*members, link(f"{top}/to-a", "a"), link(f"{top}/same", f"{top}/a", tarfile.LNKTYPE))
    )
    assert run("cp", "web:/srv/conf", "here").code == 0
    here = folder / "here"
    assert {str(path.relative_to(here)) for path in here.rglob("*")} == {"a", "in", "in/b", "to-a", "same"}
    assert os.readlink(here / "to-a") == "a"
    assert (here / "same").read_bytes() == b"a"
    assert here.stat().st_mode & 0o777 == 0o555
    here.chmod(0o755)


@pytest.mark.parametrize(
    "members",
    [
        [link("conf/out", "/tmp/elsewhere"), ("conf/out/file", b"x", 0o644)],
        [("conf/../../escaped", b"x", 0o644)],
        [("../escaped", b"x", 0o644)],
        [("/escaped", b"x", 0o644)],
    ],
)
def test_nothing_lands_outside_the_destination(
    run: Run, rack: ScriptedRack, folder: Path, members: list[tuple[str, bytes, int]]
) -> None:
    rack.on(f"GET {FILES}", tar_of(("conf", None, 0o755), *members))
    run("cp", "web:/srv/conf", "here")
    assert not (folder.parent / "escaped").exists()
    assert not Path("/tmp/elsewhere/file").exists()
    assert not Path("/escaped").exists()
    assert {path.name for path in folder.iterdir()} == {"here"}


def test_link_that_was_here_before_is_not_followed(run: Run, rack: ScriptedRack, folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (folder / "conf").mkdir()
    (folder / "conf" / "in").symlink_to(outside)
    rack.on(f"GET {FILES}", tar_of(("conf/in/file", b"x", 0o644)))
    assert run("cp", "web:/srv/conf", ".").code == 1
    assert not list(outside.iterdir())


def test_what_is_not_there_is_not_found(run: Run, rack: ScriptedRack) -> None:
    rack.on(f"GET {FILES}", refusal(404, "no such file in the process: /none"))
    assert run("cp", "web:/none", ".").code == 3
    assert run("cp", "none", "web:/srv").code == 3


@pytest.mark.parametrize("sides", [("a", "b"), ("web:/a", "web:/b"), ("web:a", "."), ("a", "web:")])
def test_sides_that_make_no_copy_are_refused(run: Run, rack: ScriptedRack, sides: tuple[str, str]) -> None:
    assert run("cp", *sides).code == 2
    assert not rack.requests
