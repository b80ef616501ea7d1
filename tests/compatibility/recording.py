"""What a client of some day says to a rack and is told, kept as a file for the racks and clients of other days.

`python -m tests.compatibility.recording` records the command line of this checkout. Keep the files of earlier ones:
they are the older clients that a rack has to go on serving.
"""

import asyncio
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sternway
from tests.api.server import PASSWORD, application, serving
from tests.rack import rack_under_test

HERE = Path(__file__).parent
RECORDED = sorted(HERE.glob("client-*.json"))
COMMANDS = (
    "version",
    "apps",
    "apps info -a shop",
    "releases -a shop",
    "releases info OLDER -a shop",
    "env -a shop",
    "env set COLOUR=blue -a shop --id",
    "releases promote -a shop",
    "env get COLOUR -a shop",
    "releases rollback OLDER -a shop",
    "env set COLOUR=red -a shop --promote --reason why",
)
ACTOR = "ann@laptop"
KEPT_HEADERS = ("accept", "content-type", "user-agent", "x-convox-actor")
_ID = re.compile(r"\b[RB][A-Z]{10}\b")
_PROMOTION = re.compile(r"(?<=/promotions/)[0-9]+")


@asynccontextmanager
async def shop(directory: Path, recorder: "Recorder | None" = None) -> AsyncIterator[str]:
    """Serve a rack with an app of two releases, and give its URL."""
    async with rack_under_test(directory) as under:
        await under.app("shop")
        for _ in range(2):
            await under.deployed("shop")
        app = application(under.rack)
        async with serving(recorder.around(app) if recorder else app) as address:
            yield f"http://convox:{PASSWORD}@{address}"


class Recorder:
    """Stands before an application, and remembers what passes."""

    def __init__(self) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self.command = ""

    def around(self, app: Any) -> Any:
        async def passing(scope: Any, receive: Any, send: Any) -> None:
            told = {"body": b"", "answer": b"", "status": 0}

            async def heard() -> Any:
                message = await receive()
                told["body"] += message.get("body", b"")
                return message

            async def said(message: Any) -> None:
                told["status"] = message.get("status", told["status"])
                told["answer"] += message.get("body", b"")
                await send(message)

            await app(scope, heard, said)
            self._keep(scope, told)

        return passing

    def _keep(self, scope: Any, told: dict[str, Any]) -> None:
        query = scope["query_string"].decode()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.exchanges.append(
            {
                "command": self.command,
                "method": scope["method"],
                "target": scope["raw_path"].decode() + (f"?{query}" if query else ""),
                "headers": {name: headers[name] for name in KEPT_HEADERS if name in headers},
                "body": told["body"].decode(),
                "status": told["status"],
                "answer": _value(told["answer"]),
            }
        )


def _value(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()


def without_ids(exchanges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name what every rack gives another id: `{R1}` is the release that is seen first."""
    names: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        kind = found[0][0]
        number = 1 + sum(name.startswith(f"{{{kind}") for name in names.values())
        return names.setdefault(found[0], f"{{{kind}{number}}}")

    text = json.dumps([_promotion_named(each) for each in exchanges])
    return list(json.loads(_ID.sub(named, text.replace(exchanges[0]["headers"]["x-convox-actor"], ACTOR))))


def _promotion_named(exchange: dict[str, Any]) -> dict[str, Any]:
    answer, target = exchange["answer"], exchange["target"]
    if "/promotions" in target:
        for each in answer if isinstance(answer, list) else [answer]:
            each["id"] = f"{{P{each['id']}}}"
    return exchange | {"target": _PROMOTION.sub(lambda found: f"{{P{found[0]}}}", target)}


def without_waiting(exchanges: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Leave out all but the last of the polls that wait for the same."""
    for exchange, following in zip(exchanges, [*exchanges[1:], {"target": ""}], strict=True):
        if not ("wait=" in exchange["target"] and "wait=" in following["target"]):
            yield exchange


def exchanges(recorded: Path) -> list[dict[str, Any]]:
    """Return what a file has of requests and answers."""
    return list(json.loads(recorded.read_text())["exchanges"])


async def record() -> list[dict[str, Any]]:
    """Run the commands against a rack, and return what was said."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as directory:
        async with shop(Path(directory) / "rack", recorder) as url:
            variables = {**os.environ, "RACK_URL": url, "HOME": directory}
            first = ""
            for command in COMMANDS:
                recorder.command = command
                words = shlex.split(command.replace("OLDER", first))
                program = await asyncio.create_subprocess_exec(
                    Path(sys.executable).with_name("sternway"), *words, env=variables, stdin=asyncio.subprocess.DEVNULL
                )
                assert await program.wait() == 0, command
                if command.startswith("releases -a"):
                    first = recorder.exchanges[-1]["answer"][-1]["id"]
    return list(without_waiting(without_ids(recorder.exchanges)))


if __name__ == "__main__":
    version = sternway.__version__
    said = {"client": version, "exchanges": asyncio.run(record())}
    path = HERE / f"client-{version.partition('-')[0]}.json"
    path.write_text(json.dumps(said, indent=1) + "\n")
    print(path)
