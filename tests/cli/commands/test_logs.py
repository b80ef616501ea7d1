import pytest

from tests.cli import samples
from tests.cli.conftest import Run
from tests.cli.scripted import END, TEXT, ScriptedRack, refusal

PATH = "/apps/shop/logs"
LINE = b"2026-05-04T10:00:00Z service/web/web-1 \xff hello\n"


@pytest.fixture(autouse=True)
def _app(rack: ScriptedRack) -> None:
    rack.on("GET /apps/shop", samples.app())


def test_lines_come_as_they_are(run: Run, rack: ScriptedRack) -> None:
    rack.on_stream(PATH, [(TEXT, LINE), END])
    ended = run("logs")
    assert (ended.code, ended.out.encode(errors="surrogateescape")) == (0, LINE)


def test_options_become_headers(run: Run, rack: ScriptedRack) -> None:
    rack.on_stream("/apps/shop/services/web/logs", [END])
    run("logs", "-s", "web", "--since", "5m", "--filter", "hello", "--tail", "0", "--no-follow", "--allow-previous")
    headers = rack.requests[-1].headers
    names = ("Prefix", "Follow", "Since", "Filter", "Tail", "Previous")
    assert [headers[name] for name in names] == ["true", "false", "5m", "hello", "0", "true"]


def test_what_is_not_given_is_not_sent(run: Run, rack: ScriptedRack) -> None:
    rack.on_stream("/system/logs", [END])
    run("rack", "logs")
    assert {"Follow", "Since", "Filter", "Tail", "Previous"}.isdisjoint(rack.requests[0].headers)


def test_lost_connection_is_an_error(run: Run, rack: ScriptedRack) -> None:
    rack.on_stream(PATH, [(TEXT, LINE)])
    assert run("logs").code == 1


def test_options_cannot_add_headers(run: Run, rack: ScriptedRack) -> None:
    rack.on_stream(PATH, [END])
    assert run("logs", "--filter", "a\r\nX: y").code == 2
    assert not rack.requests


def test_filter_may_be_any_text(run: Run, rack: ScriptedRack) -> None:
    rack.on_stream(PATH, [END])
    run("logs", "--filter", "caf\u00e9")
    assert rack.requests[-1].headers["Filter"].encode("latin-1").decode() == "caf\u00e9"


@pytest.mark.parametrize(
    ("message", "code"), [(b"service not found: shop has no nope", 3), (b"the engine does not answer", 1)]
)
def test_stream_that_is_refused_is_an_error(run: Run, rack: ScriptedRack, message: bytes, code: int) -> None:
    rack.on_stream("/apps/shop/services/nope/logs", [(TEXT, b"ERROR: " + message + b"\n"), END])
    ended = run("logs", "-s", "nope")
    assert (ended.code, ended.out, ended.err) == (code, "", f"ERROR: {message.decode()}\n")


def test_line_that_looks_like_an_error_is_a_line(run: Run, rack: ScriptedRack) -> None:
    rack.on_stream(PATH, [(TEXT, LINE), (TEXT, b"ERROR: it says\n"), END])
    ended = run("logs")
    assert (ended.code, ended.err) == (0, "")


def test_logs_of_an_unknown_app_are_not_found(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps/absent", refusal(404, "app not found: absent"))
    ended = run("logs", "-a", "absent")
    assert (ended.code, ended.err) == (3, "ERROR: app not found: absent\n")
