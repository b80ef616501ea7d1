"""`manifest`: check a `convox.yml` or a `Procfile` of this machine, and print the schema of the former."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from sternway.cli import errors, letters, options, output
from sternway.cli.command import Group
from sternway.core import manifest as core
from sternway.core.errors import ManifestInvalid

PROCFILE = "Procfile"
NAMES = ("convox.yml", PROCFILE)
LINE = re.compile(r"(.*) \(line (\d+)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say about a file; each message names its place and its line."""

    file: str
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    not_yet_effective: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    def members(self) -> dict[str, object]:
        """Return it for --json."""
        return {
            "file": self.file,
            "is-valid": not self.errors,
            "errors": [_members(message) for message in self.errors],
            "warnings": [_members(message) for message in self.warnings],
            "not-yet-effective": list(self.not_yet_effective),
            "services": list(self.services),
        }


@click.group(cls=Group)
def manifest() -> None:
    """Check the manifest of an app."""


@manifest.command()
@click.argument("file", required=False, default=".", type=click.Path(path_type=Path))
@options.as_json
def check(file: Path, as_json: bool) -> int:
    """Say everything that is wrong with a convox.yml, without a rack.

    FILE is a manifest, a Procfile or the directory of one; the current directory if none is named. What a
    `${NAME}` stands for is not known here, so what depends on it is not judged.
    """
    verdict = judge(_found(file))
    if as_json:
        output.show_json(verdict.members())
    else:
        _show(verdict)
    return errors.ExitCode.FAILED if verdict.errors else errors.ExitCode.DONE


@manifest.command()
def schema() -> None:
    """Print the JSON Schema of convox.yml, for editors and other tools."""
    from sternway.core.manifest.schema import schema as schema_of

    output.show_json(schema_of())


def judge(file: Path) -> Verdict:
    """Read a manifest, or a Procfile as one."""
    try:
        content = file.read_bytes()
        parsed = core.parse(core.parse_procfile(content.decode()) if file.name == PROCFILE else content)
    except ManifestInvalid as exc:
        return Verdict(str(file), errors=tuple(exc.message.splitlines()), warnings=exc.warnings)
    except UnicodeDecodeError:
        return Verdict(str(file), errors=(f"{PROCFILE}: is not UTF-8 (line 1)",))
    except OSError as exc:
        raise errors.CommandFailed(f"cannot read {file}: {exc.strerror}") from exc
    later, services = core.not_yet_effective(parsed.manifest), tuple(parsed.manifest.services)
    return Verdict(str(file), warnings=parsed.warnings, not_yet_effective=later, services=services)


def _found(file: Path) -> Path:
    candidates = [file / name for name in NAMES] if file.is_dir() else [file]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    if file.is_dir():
        raise errors.not_found(f"no convox.yml and no Procfile in {file}", hint="sternway manifest check FILE")
    raise errors.not_found(f"no such file: {file}", hint="sternway manifest check FILE")


def _show(verdict: Verdict) -> None:
    for message in verdict.errors:
        _say(f"ERROR: {message}")
    for message in verdict.warnings:
        _say(f"warning: {message}")
    if verdict.not_yet_effective:
        _say(f"note: kept, but without effect yet: {', '.join(verdict.not_yet_effective)}")
    if verdict.errors:
        found = len(verdict.errors)
        _say(f"{verdict.file} is not valid: {found} error{'s' if found > 1 else ''}")
    else:
        output.show(f"{verdict.file} is valid: {_listed(verdict.services)}\n")


def _say(line: str) -> None:
    sys.stderr.write(f"{letters.printable(line)}\n")


def _listed(services: tuple[str, ...]) -> str:
    count = f"{len(services)} service{'' if len(services) == 1 else 's'}"
    return f"{count} ({', '.join(services)})" if services else count


def _members(message: str) -> dict[str, object]:
    found = LINE.fullmatch(message)
    return {"message": found[1], "line": int(found[2])} if found else {"message": message}
