from pathlib import Path

import pytest

from sternway.core.errors import RouterUnavailable
from sternway.core.formation import Route, RouteOptions
from sternway.router.caddy import record
from tests.router.rigs import at, route

OPTIONS = RouteOptions(is_sticky=True, timeout_s=5, clients=("10.0.0.0/8",))
ROUTES = (
    route("api", "api.localhost", options=OPTIONS),
    route("web", "Web.localhost", at("10.0.0.1:1"), at("unix//run/x.sock")),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "apps").mkdir()
    return tmp_path


def write(home: Path, app: str, routes: tuple[Route, ...]) -> None:
    with record.written(home, app, routes):
        pass


def test_what_was_written_is_read_again(home: Path) -> None:
    write(home, "one", ROUTES)
    assert record.read(home, "one") == ROUTES
    assert record.read_all(home) == {"one": ROUTES}


def test_a_forgotten_app_has_no_routes(home: Path) -> None:
    write(home, "one", ROUTES)
    record.forget(home, "one")
    record.forget(home, "never")
    assert (record.read(home, "one"), record.read_all(home)) == ((), {})


def test_the_epoch_is_zero_before_the_first(home: Path) -> None:
    assert record.read_epoch(home) == 0
    record.write_epoch(home, 7)
    assert record.read_epoch(home) == 7


def test_a_record_of_an_earlier_version_has_no_options(home: Path) -> None:
    write(home, "one", ())
    (home / "apps/one/routes.json").write_text('{"routes": [{"service": "web", "hosts": ["x"], "members": []}]}')
    assert record.read(home, "one") == (route("web", "x"),)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"routes": [{}]}', '{"routes": [{"members": 1, "hosts": 2}]}'])
def test_a_damaged_record_is_an_error(home: Path, text: str) -> None:
    write(home, "one", ROUTES)
    (home / "apps" / "one" / "routes.json").write_text(text)
    with pytest.raises(RouterUnavailable, match="cannot read"):
        record.read(home, "one")


def test_a_damaged_epoch_is_an_error(home: Path) -> None:
    (home / "epoch").write_text("x")
    with pytest.raises(RouterUnavailable):
        record.read_epoch(home)
