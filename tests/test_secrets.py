import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sternway import ports
from sternway.core import errors
from sternway.secrets import HEADER, KeyFile

shared_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key"


@pytest.fixture
def secrets(path: Path) -> ports.Secrets:
    return KeyFile(path)


@shared_fixtures
@given(st.binary(), st.text(st.characters(codec="utf-8")))
def test_what_was_sealed_opens_in_its_context(secrets, plain, context):
    assert secrets.open(secrets.seal(plain, context), context) == plain


def test_it_opens_nowhere_else(secrets):
    sealed = secrets.seal(b"plain", "release:ONE")
    with pytest.raises(errors.Corrupt, match=r"^release:OTHER: .* another key$"):
        secrets.open(sealed, "release:OTHER")


def test_it_opens_with_no_other_key(secrets, tmp_path):
    sealed = secrets.seal(b"plain", "here")
    with pytest.raises(errors.Corrupt) as caught:
        KeyFile(tmp_path / "other").open(sealed, "here")
    assert "key file" in caught.value.hint


@shared_fixtures
@given(st.data())
def test_one_changed_bit_is_noticed(secrets, data):
    sealed = bytearray(secrets.seal(b"plain", "here"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(errors.Corrupt):
        secrets.open(bytes(sealed), "here")


@shared_fixtures
@given(st.integers(0, 33))
def test_what_was_cut_off_is_noticed(secrets, length):
    with pytest.raises(errors.Corrupt):
        secrets.open(secrets.seal(b"plain", "here")[:length], "here")


def test_the_same_is_never_sealed_the_same_way_twice(secrets):
    assert secrets.seal(b"plain", "here") != secrets.seal(b"plain", "here")


def test_a_format_of_the_future_is_refused(secrets):
    with pytest.raises(errors.Corrupt, match="does not know"):
        secrets.open(b"\x02" + secrets.seal(b"plain", "here")[1:], "here")


def test_a_fingerprint_is_32_hex_digits_and_goes_by_content_and_key(secrets, path, tmp_path):
    fingerprint = secrets.fingerprint(b"content")
    assert len(fingerprint) == 32
    assert set(fingerprint) <= set("0123456789abcdef")
    assert KeyFile(path).fingerprint(b"content") == fingerprint
    assert secrets.fingerprint(b"other content") != fingerprint
    assert KeyFile(tmp_path / "other").fingerprint(b"content") != fingerprint


def test_what_was_sealed_and_fingerprinted_before_stays_readable(path):
    path.touch(0o600)
    path.write_text(f"{HEADER}\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    secrets = KeyFile(path)
    assert secrets.fingerprint(b"content") == FINGERPRINT_BEFORE
    assert secrets.open(bytes.fromhex(SEALED_BEFORE), "release:RAAAAAAAAAA") == b'{"A":"1"}'


def test_the_key_is_made_once_and_for_its_owner_only(path):
    sealed = KeyFile(path).seal(b"plain", "here")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith(HEADER)
    assert KeyFile(path).open(sealed, "here") == b"plain"
    assert list(path.parent.iterdir()) == [path]


def test_of_many_that_start_at_once_all_use_one_key(path):
    with ThreadPoolExecutor(8) as threads:
        starts = list(threads.map(KeyFile, [path] * 8))
    assert len({start.fingerprint(b"") for start in starts}) == 1
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_use_is_refused(path, mode):
    KeyFile(path)
    path.chmod(mode)
    with pytest.raises(errors.InvalidInput, match="others may use") as caught:
        KeyFile(path)
    assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    "content", ["", HEADER, f"{HEADER}\nnot base64!\n", f"{HEADER}\nAAAA\n", f"other\n{'A' * 43}=\n", "\udcff"]
)
def test_a_file_that_holds_no_key_is_corrupt_and_left_alone(path, content):
    path.touch(0o600)
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(errors.Corrupt, match="does not hold a key"):
        KeyFile(path)
    assert path.read_bytes() == content.encode(errors="surrogateescape")


def test_the_directory_of_the_key_is_made_for_its_owner_only(tmp_path):
    KeyFile(tmp_path / "keys" / "key")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_place_that_cannot_be_used_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.InvalidInput, match="cannot use") as caught:
        KeyFile(tmp_path / "file" / "key")
    assert caught.value.hint


def test_the_key_shows_in_no_repr(secrets):
    assert repr(secrets).startswith("<sternway.secrets.KeyFile object")


FINGERPRINT_BEFORE = "af9f7dc0c44b6370c82f27ede2f69fb1"
SEALED_BEFORE = "019fd49514fb8b27cbfc9cff032c9963b0688bb152f208a570a98d4b727ab6e3dc3e57cc9531"
