"""What has to be known of a Dockerfile before it is built: its stages, its base images, and who can build it.

The engine reads the file itself; this looks at no more than the words that decide how it is asked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(\S+)\s*")
_HERE_DOCUMENT = re.compile(r"(?:^|\s)\d*<<-?[\"']?([A-Za-z_][\w.]*)[\"']?(?=\s|$)")
_COPYING = frozenset({"--chmod", "--checksum", "--exclude", "--keep-git-dir", "--link", "--parents"})
_FLAGS = {"RUN": frozenset({"--mount", "--network", "--security"}), "COPY": _COPYING, "ADD": _COPYING}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word in capitals, what follows on the lines that it goes on, and where it begins."""

    word: str
    rest: str
    line: int


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that needs BuildKit, and the line that it stands on. One that is a mere wish can be done without."""

    name: str
    line: int
    is_wish: bool = False


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """What decides how an engine is asked to build."""

    stages: frozenset[str]
    bases: tuple[str, ...]
    feature: Feature | None
    here_document: Feature | None = None
    has_syntax: bool = False


def read(text: str) -> Dockerfile:
    """Return what is to be known of a Dockerfile; it is the engine that finds what is wrong with it."""
    instructions = tuple(_instructions(text))
    origins = [each.rest.split() for each in instructions if each.word == "FROM"]
    words = [[word for word in each if not word.startswith("--")] for each in origins]
    stages = frozenset(each[2].lower() for each in words if len(each) > 2 and each[1].upper() == "AS")
    bases = dict.fromkeys(each[0] for each in words if each and each[0].lower() not in stages | {"scratch"})
    needed = [feature for each in instructions if (feature := _needed(each))]
    wished = _wished(text)
    return Dockerfile(
        stages,
        tuple(base for base in bases if "$" not in base),
        next(iter(needed), wished),
        next((_document(each) for each in instructions if _here_document(each)), None),
        wished is not None,
    )


def _instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions; lines go on after the escape character, and comments between them do not count."""
    escape = _directives(text).get("escape", ("\\", 0))[0]
    until, begun, begun_at = "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if until:
            until = "" if line.lstrip("\t") == until else until
            continue
        if not bare or bare.startswith("#"):
            continue
        begun, begun_at = (f"{begun} {bare}", begun_at) if begun else (bare, number)
        if bare.endswith(escape):
            begun = begun[: -len(escape)].rstrip()
            continue
        instruction = _split(begun, begun_at)
        until = _here_document(instruction)
        begun = ""
        yield instruction
    if begun:
        yield _split(begun, begun_at)


def _split(text: str, line: int) -> Instruction:
    word, _, rest = text.partition(" ")
    return Instruction(word.upper(), rest.strip(), line)


def _here_document(instruction: Instruction) -> str:
    """Return the word that ends a document which begins here."""
    if instruction.word not in _FLAGS:
        return ""
    found = _HERE_DOCUMENT.search(instruction.rest)
    return found[1] if found else ""


def _needed(instruction: Instruction) -> Feature | None:
    for flag in _leading_flags(instruction.rest):
        if flag in _FLAGS.get(instruction.word, ()):
            return Feature(f"{instruction.word} {flag}", instruction.line)
    return _document(instruction) if _here_document(instruction) else None


def _document(instruction: Instruction) -> Feature:
    return Feature(f"{instruction.word} with a here-document", instruction.line)


def _leading_flags(rest: str) -> Iterator[str]:
    for word in rest.split():
        if not word.startswith("--"):
            return
        yield word.partition("=")[0]


def _wished(text: str) -> Feature | None:
    """A `# syntax=` line alone asks for another reader; what it then reads is mostly what all can."""
    found = _directives(text).get("syntax")
    return Feature(f"# syntax={found[0]}", found[1], is_wish=True) if found else None


def _directives(text: str) -> dict[str, tuple[str, int]]:
    """Return the directives at the very top, each with its line."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        found[match[1].lower()] = (match[2], number)
    return found
