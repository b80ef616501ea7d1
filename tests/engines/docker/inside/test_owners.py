import io
import tarfile

import pytest

from sternway.engines.docker.inside.owners import Owner, given_to


async def changed(content: bytes, size: int) -> bytes:
    async def chunks():
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return b"".join([chunk async for chunk in given_to(chunks(), Owner(1234, 77))])


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("size", [1, 511, 512, 100_000])
async def test_every_file_is_given_and_nothing_else_is_changed(form, size):
    written = io.BytesIO()
    name = "d/" + "n" * (90 if form == tarfile.USTAR_FORMAT else 200)
    with tarfile.open(fileobj=written, mode="w", format=form) as archive:
        for number, content in enumerate((b"", b"x" * 512, b"\0" * 1500)):
            member = tarfile.TarInfo(f"{name}{number}")
            member.size, member.mode = len(content), 0o640
            archive.addfile(member, io.BytesIO(content))
    with tarfile.open(fileobj=io.BytesIO(await changed(written.getvalue(), size))) as archive:
        seen = [(m.name, m.uid, m.gid, m.mode, m.size) for m in archive]
    assert seen == [(f"{name}{n}", 1234, 77, 0o640, size) for n, size in enumerate((0, 512, 1500))]


async def test_what_is_no_tar_passes():
    assert len(await changed(b"no tar at all" * 100, 7)) == 1300
