from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.errors import InvalidInput, Refused
from sternway.core.repository import Commit, check_reach, read, read_ref

SECRET = "hidden-token"


def test_credentials_are_apart_from_the_address_and_in_no_repr():
    address = read(f"https://me:{SECRET}@git.example.com:8443/team/shop.git")
    assert (address.url, address.host, address.port) == (
        "https://git.example.com:8443/team/shop.git",
        "git.example.com",
        8443,
    )
    assert address.authorization.startswith("Basic ")
    assert "Basic" not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop",
        "/etc/passwd",
        "file:///etc",
        "ssh://git@example.com/x",
        "git@example.com:x",
        "ext::sh -c id",
        "-oProxyCommand=x",
        "https:///x",
        "https://example.com",
        "https://example.com/",
        "https://example.com/x?service=y",
        "https://example.com/x#y",
        "https://example.com/a b",
        "https://example.com/x\ny",
        "https://exa mple.com/x",
        "https://-oX/x",
        "https://example.com:99999/x",
        "https://[::1/x",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_address_that_is_not_taken_is_not_repeated(text):
    with pytest.raises(InvalidInput) as refused:
        read(text.replace("://", f"://me:{SECRET}@"))
    assert SECRET not in refused.value.message + refused.value.hint


@given(st.text(max_size=80))
def test_whatever_is_written_is_read_or_refused(text):
    for candidate in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            address = read(candidate)
        except InvalidInput:
            continue
        assert address.url.startswith(("http://", "https://"))
        assert address.url.isprintable()
        assert " " not in address.url


@pytest.mark.parametrize(("text", "ref"), [("", "HEAD"), ("feature/a+b", "feature/a+b"), (" v1.2 ", "v1.2")])
def test_ref_is_a_name(text, ref):
    assert read_ref(text) == ref


@pytest.mark.parametrize(
    "text", ["-x", "--upload-pack=x", "a..b", "a:b", "+main", "a b", "x@{1}", "a.lock", "a/", "~", "x" * 201]
)
def test_ref_that_is_none_is_refused(text):
    with pytest.raises(InvalidInput):
        read_ref(text)


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.8.8.8", "::1", "169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "::ffff:127.0.0.1"],
)
def test_what_only_this_machine_can_reach_is_refused(text):
    with pytest.raises(Refused):
        check_reach(read("https://example.com/x"), ip_address(text))


@pytest.mark.parametrize("text", ["10.1.2.3", "192.168.1.1", "140.82.112.3", "fd00::1", "2606:4700::1"])
def test_own_networks_and_the_world_are_taken(text):
    check_reach(read("https://example.com/x"), ip_address(text))


def test_commit_says_what_a_build_of_it_is_called():
    assert Commit("0123456789abcdef", "Faster").description == "build 012345678 Faster"
    assert Commit("0123456789abcdef", "").description == "build 012345678"
