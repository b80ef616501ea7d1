"""From text to a manifest, with everything that is wrong in one report.

An error in one place must not hide those in others. So what pydantic refuses is reported, cut out of the tree,
and the rest is read again, until there is a manifest on which the checks between keys can run as well.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sternway.core.manifest import checks, nodes
from sternway.core.manifest.manifest import Manifest, completed
from sternway.core.manifest.model import Notes
from sternway.core.manifest.problems import Path, Problem, invalid, report, wording
from sternway.core.manifest.tree import Table, Tree, Unresolved, grow

_FOLLOWS = "default_factory_not_called"
"""What pydantic says of a default that depends on a field which has an error of its own."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A valid manifest, and what its author should know all the same."""

    manifest: Manifest
    warnings: tuple[str, ...] = ()


def parse(text: str | bytes, variables: Mapping[str, str] | None = None) -> Parsed:
    """Read `convox.yml`.

    With `variables`, each `${NAME}` is filled in, and one that they lack is an error. Without, it stays as it
    stands, and what depends on it is not judged. No message ever holds the value of a variable.
    Raises ManifestInvalid that lists every error, one a line, with its place and its line, and has the warnings.
    """
    tree = grow(nodes.read(text), variables)
    notes = Notes(tree)
    declared = checks.names_of(tree, is_template=variables is None or bool(tree.problems))
    problems = [*tree.problems, *_found(tree, checks.of_names(tree, declared))]
    manifest = _read(tree, notes, problems)
    if manifest is not None:
        problems.extend(_found(tree, checks.errors(manifest, declared)))
        notes.warnings.extend(_found(tree, checks.warnings(manifest)))
    if manifest is None or problems:
        raise invalid(problems, notes.warnings)
    return Parsed(completed(manifest), report(notes.warnings))


def _found(tree: Tree, findings: checks.Findings) -> Iterator[Problem]:
    return (tree.problem(path, message) for path, message in findings)


def _read(tree: Tree, notes: Notes, problems: list[Problem]) -> Manifest | None:
    """Return the manifest, or what is left of it without the parts that are added to `problems`."""
    manifest, errors = _validated(tree, notes)
    problems.extend(_problem(tree, error) for error in errors if not _is_open(tree, error))
    # What a cut brings to light, such as a map that now lacks a key, follows from what was reported.
    while manifest is None and _cut(tree, errors):
        manifest, errors = _validated(tree, None)
    return manifest


def _validated(tree: Tree, notes: Notes | None) -> tuple[Manifest | None, list[ErrorDetails]]:
    try:
        return Manifest.model_validate(tree.root, context=notes), []
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        return None, [error for error in errors if error["type"] != _FOLLOWS]


def _problem(tree: Tree, error: ErrorDetails) -> Problem:
    path = error["loc"]
    known = tree.known(path)
    if error["type"] != "missing":
        return tree.problem(known, wording(error))
    return tree.problem(known, f"{path[-1]} {wording(error)}")


def _is_open(tree: Tree, error: ErrorDetails) -> bool:
    """Tell whether what was refused stands for a value that is not known."""
    value = tree.at(tree.known(error["loc"]))
    return any(isinstance(item, Unresolved) for item in (value if isinstance(value, list) else [value]))


def _cut(tree: Tree, errors: Iterable[ErrorDetails]) -> bool:
    """Take out of the tree what was refused; a list goes as a whole, so that indexes stay true."""
    return any([_cut_at(tree.root, tree.known(_refused(error))) for error in errors])


def _refused(error: ErrorDetails) -> Path:
    """Return what to take out: where a key is missing, the map that lacks it."""
    return error["loc"][:-1] if error["type"] == "missing" else error["loc"]


def _cut_at(root: Table, path: Path) -> bool:
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if not path:
        return False
    return _remove(root, path)


def _remove(root: Table, path: Path) -> bool:
    """Remove the value at `path`, and tell whether it was still there."""
    holder: object = root
    for part in path[:-1]:
        holder = holder.get(part) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and path[-1] in holder:
        del holder[path[-1]]
        return True
    return False
