import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.core.errors import Conflict, StaleEpoch
from sternway.router import table
from tests.router.rigs import route


@given(st.text(max_size=40))
def test_a_host_that_passes_is_safe_in_a_path_and_in_a_placeholder(host: str) -> None:
    if table.is_host(host):
        assert not set(host) & set("/{}\\\n ")
        assert ".." not in host
        assert host == host.lower()


def test_hosts_are_compared_without_case() -> None:
    with pytest.raises(Conflict, match=r"x\.localhost belongs to app one"):
        table.check_hosts(table.hosts({"one": (route("web", "X.localhost"),)}), "two", (route("web", "x.LOCALHOST"),))


def test_an_app_may_keep_its_own_hosts() -> None:
    routes = (route("web", "x.localhost"),)
    table.check_hosts(table.hosts({"one": routes}), "one", routes)


def test_the_same_epoch_may_write_again_and_an_older_one_not() -> None:
    table.check_epoch(3, 3)
    with pytest.raises(StaleEpoch):
        table.check_epoch(3, 2)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("x.example.org", "x.example.org"),
        ("y.example.org", "*.example.org"),
        ("a.b.x.example.org", "*.x.example.org"),
        ("example.org", None),
        ("xexample.org", None),
    ],
)
def test_a_host_belongs_to_the_nearest_name(host: str, found: str | None) -> None:
    assert table.find(host, {"x.example.org", "*.example.org", "*.x.example.org"}) == found
