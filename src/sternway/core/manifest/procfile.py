"""A `Procfile` as `convox.yml`, so that a release always keeps the latter."""

import re
from collections.abc import Iterator

import yaml

from sternway.core import names
from sternway.core.errors import ManifestInvalid
from sternway.core.manifest.nodes import REFERENCE
from sternway.core.manifest.problems import Problem, invalid

FILE_NAME = "Procfile"
WEB = "web"
RELEASE = "release"
WEB_PORT = 5000
"""What a web process listens on; it finds the number in `PORT`."""

MAX_CHARACTERS = 64 * 1024

_LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(\S.*)")


def parse_procfile(text: str) -> str:
    """Return the `convox.yml` that means the same.

    `web` gets a port, the others are workers, and `release` becomes the release command of `web`, or else of
    the first process. Every variable reaches every process. Raises ManifestInvalid that lists every error.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refusal(1, f"is longer than {MAX_CHARACTERS} characters")
    problems: list[Problem] = []
    commands = dict(_commands(text, problems))
    if problems:
        raise invalid(problems)
    release = commands.pop(RELEASE, None)
    if not commands:
        raise _refusal(1, "names no process: write lines such as `web: ./serve`")
    return _written(commands, release)


def _refusal(line: int, message: str) -> ManifestInvalid:
    return invalid([Problem(line, FILE_NAME, message)])


def _commands(text: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(stripped)
        name = found[1].lower().replace("_", "-") if found else ""
        if found is None or not names.is_name(name) or not stripped.isprintable():
            problems.append(Problem(number, FILE_NAME, "must be `name: command`, the name beginning with a letter"))
        elif name in seen:
            problems.append(Problem(number, FILE_NAME, f"has {name} twice"))
        else:
            seen.add(name)
            yield name, _for_the_shell(found[2])


def _for_the_shell(command: str) -> str:
    """Keep `${NAME}` for the shell: `${NAME-}` means the same there, and nothing to a manifest."""
    return REFERENCE.sub(r"${\1-}", command)


def _written(commands: dict[str, str], release: str | None) -> str:
    services: dict[str, dict[str, object]] = {name: {"command": command} for name, command in commands.items()}
    if WEB in services:
        services[WEB]["port"] = WEB_PORT
    if release is not None:
        services[WEB if WEB in services else next(iter(services))]["release"] = release
    whole = {"environment": ["*"], "services": services}
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=2**31)
