"""Each example as somebody would use it: deploy it, change it, break it, go back."""

import json
import time
from collections.abc import Callable

import pytest

from tests.examples.conftest import Example, is_missing

Make = Callable[..., Example]
PATIENCE_S = 10.0

pytestmark = pytest.mark.timeout(120)


def notes(app: Example) -> tuple[str, list[dict[str, object]]]:
    found = json.loads(app.get("/notes.json").text)
    return found["title"], found["notes"]


def counted(app: Example, number: int) -> list[object]:
    """Wait until the worker has counted so many notes, and return their words."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        words = [note["words"] for note in notes(app)[1]]
        if len(words) == number and None not in words:
            return words
    raise AssertionError(f"not counted: {notes(app)}")


def test_flask_app_goes_back_and_keeps_its_notes(example: Make) -> None:
    app = example("flask-notes")
    first = app.deploy()
    assert app.post("/notes", text="three short words").status == 303
    assert counted(app, 1) == [3]

    app.edit("app.py", '"Notes"', '"Better notes"')
    app.deploy()
    assert app.post("/notes", text="written by the second release").status == 303
    assert notes(app)[0] == "Better notes"

    app.edit("app.py", "import database", "import database, no_such_module")
    app.fails_to_deploy()
    assert notes(app)[0] == "Better notes"

    app.roll_back(first)
    assert notes(app)[0] == "Notes"
    assert counted(app, 2) == [3, 5]
    assert "three short words" in app.get().text


def test_flask_app_is_migrated_before_a_release_begins_and_left_alone_when_that_fails(example: Make) -> None:
    app = example("flask-notes", "migrated")
    first = app.deploy()
    logs = app.rack.sternway("releases", "logs", first, "-a", app.name)
    assert logs.startswith("CREATE TABLE IF NOT EXISTS notes")

    app.edit("migrate.py", "MIGRATIONS = (", 'MIGRATIONS = ("", "", "DROP TABLE letters",')
    app.fails_to_deploy()
    failed, *_ = json.loads(app.rack.sternway("api", "get", f"/apps/{app.name}/promotions?limit=1"))
    assert failed["cause"].endswith("exited with code 1: sqlite3.OperationalError: no such table: letters")
    assert notes(app) == ("Notes", [])


@pytest.mark.skipif(is_missing("npm"), reason="there is no npm on this machine")
def test_node_app_goes_back(example: Make) -> None:
    app = example("node-hello")
    first = app.deploy()
    assert "<h1>Hello, &lt;Ada&gt;</h1>" in app.get("/?name=%3CAda%3E").text

    app.edit("server.js", '"Hello"', '"Good day"')
    app.deploy()
    assert "Good day, world" in app.get().text

    app.edit("server.js", 'writeHead(200, { "Content-Type": "text/plain" })', "writeHead(500)")
    app.fails_to_deploy()
    assert "Good day, world" in app.get().text

    app.roll_back(first)
    assert "Hello, world" in app.get().text


def test_static_site_goes_back_also_for_a_browser_that_has_the_newer_page(example: Make) -> None:
    app = example("static-site")
    first = app.deploy()
    assert "<h1>A site</h1>" in app.get().text
    assert app.get("/style.css").status == 200

    app.edit("public/index.html", "<h1>A site</h1>", "<h1>A better site</h1>")
    app.deploy()
    assert "A better site" in app.get().text

    (app.source / "public/index.html").unlink()
    app.fails_to_deploy()
    assert "A better site" in app.get().text

    app.roll_back(first)
    answer = app.get(headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert (answer.status, "<h1>A site</h1>" in answer.text) == (200, True)


def test_app_with_a_procfile_goes_back(example: Make) -> None:
    app = example("procfile-app")
    first = app.deploy()
    assert app.get().text.startswith("It is ")
    assert "still here" in app.rack.sternway("logs", "-a", app.name, "--no-follow")

    app.edit("web.py", "It is", "Now it is")
    app.deploy()
    assert app.get().text.startswith("Now it is ")

    app.edit("worker.py", "import os", "import os, no_such_module")
    app.fails_to_deploy()
    assert app.get().text.startswith("Now it is ")

    app.roll_back(first)
    assert app.get().text.startswith("It is ")
