import base64

import pytest

from sternway.cli import address, errors


def test_userinfo_stays_as_it_was_written() -> None:
    parsed = address.parse("https://convox:p%40s%2Fs@rack.example:5443/prefix/\n")
    assert parsed.authorization() == "Basic " + base64.b64encode(b"convox:p%40s%2Fs").decode()
    assert (parsed.host, parsed.port, parsed.prefix) == ("rack.example", 5443, "/prefix")
    assert parsed.origin == "https://rack.example:5443"


def test_port_of_the_scheme_is_left_out_of_the_origin() -> None:
    assert address.parse("HTTP://Rack.Example:80").origin == "http://rack.example"
    assert address.parse("https://[::1]").origin == "https://[::1]"


def test_without_a_user_nothing_is_authorized() -> None:
    assert address.parse("http://rack.example").authorization() is None


@pytest.mark.parametrize("url", ["rack.example", "ftp://u:secret@x", "https://", "http://u:secret@x:port"])
def test_invalid_urls_are_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(errors.CommandFailed) as failed:
        address.parse(url)
    assert "secret" not in failed.value.message + failed.value.hint


def test_password_is_not_in_the_representation() -> None:
    assert "secret" not in repr(address.parse("http://u:secret@x"))
