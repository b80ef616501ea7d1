"""How differences, previews and history look."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sternway.cli import letters, output
from sternway.wire import types

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
STANDBY = {
    "yes": "all of it is there already: going back is a switch",
    "no": "no: processes have to be started first",
    "unknown": "not known",
}
MAX_FILES = 40
BEFOREHAND = "What runs before anything is started:"
ON_REQUEST = "What would run only with --run-rollback-commands:"


def show_diff(found: types.Diff) -> None:
    """Write what differs between two releases."""
    output.show("".join(f"{letters.printable(line)}\n" for line in _diff(found)))


def show_preview(found: types.Preview, *, is_undoing: bool = False) -> None:
    """Write what a rollback would do, the verdict first; `is_undoing`: with what undoes newer releases."""
    verdict = "would work" if found.works else "would NOT work"
    output.show(f"This {verdict}: {letters.printable(found.description)}\n\n")
    output.show_table(("CHECK", "RESULT", "FOUND"), [(c.name, c.result, _with_hint(c)) for c in found.checks])
    output.show("\n" + output.members(_outlook(found)))
    output.show("".join(f"{letters.printable(line)}\n" for line in _commands(found.commands, is_undoing=is_undoing)))
    output.show("\nWhat does not come back:\n" + "".join(f"  {letters.printable(each)}\n" for each in found.stays))
    if found.diff:
        output.show("\n")
        show_diff(found.diff)


def show_history(lines: Sequence[types.HistoryLine]) -> None:
    """Write what was done, newest first, in the time of this machine."""
    header = ("WHEN", "WHAT", "RELEASE", "STATUS", "UNTIL", "BY", "REASON")
    rows = [(at(e.at), _what(e), e.release, _status(e), _until(e), e.author, e.reason) for e in lines]
    output.show_table(header, rows, optional=("RELEASE", "STATUS", "UNTIL", "REASON"))


def at(moment: datetime | None) -> str:
    """Return a time as it can be typed after --to."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _diff(found: types.Diff) -> Iterator[str]:
    before, after = found.before, found.after
    yield f"--- {_named(before)}"
    yield f"+++ {_named(after)}"
    if found.same and not found.settings:
        yield "They have the same content."
        return
    yield from _section("Environment", _changes(found.environment))
    yield from _section("Manifest", _manifest(found))
    yield from _section("Build", _build(found))
    yield from _section("Settings", _changes(found.settings))


def _named(side: types.DiffSide) -> str:
    return f"{side.release}  {at(side.created)}  {side.author}  {side.description}".rstrip()


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    shown = list(lines)
    if shown:
        yield ""
        yield title
        yield from (f"  {line}" for line in shown)


def _changes(changes: Iterable[types.Change]) -> Iterator[str]:
    for change in changes:
        yield f"{SIGNS.get(change.kind, '?')} {change.name}{_values(change)}"


def _values(change: types.Change) -> str:
    if not (change.before or change.after):
        return ""
    return f": {change.before} -> {change.after}" if change.kind == "changed" else f": {change.before or change.after}"


def _manifest(found: types.Diff) -> Iterator[str]:
    if found.manifest_known:
        yield from _changes(found.manifest)
        if found.manifest_text and not found.manifest:
            yield "it is written differently and means the same"
    else:
        yield "one of them cannot be read any more; its text: sternway releases diff --manifest"


def _build(found: types.Diff) -> Iterator[str]:
    before, after = found.before, found.after
    if before.build == after.build:
        return
    yield f"~ {before.build or 'none'} -> {after.build or 'none'}"
    if before.git_sha or after.git_sha:
        yield f"~ commit: {_commit(before)} -> {_commit(after)}"
    if found.services:
        yield f"~ other artifacts of: {', '.join(change.name for change in found.services)}"
    yield from _sizes(before, after)
    yield from _files(found)


def _sizes(before: types.DiffSide, after: types.DiffSide) -> Iterator[str]:
    old, new = ({each.service: each.size for each in side.artifacts} for side in (before, after))
    for service in sorted(old | new):
        yield f"artifact of {service}: {_known(old.get(service, -1))} -> {_known(new.get(service, -1))}"


def _known(size_bytes: int) -> str:
    return "-" if size_bytes < 0 else _size(size_bytes)


def _commit(side: types.DiffSide) -> str:
    return f"{side.git_sha[:10] or 'unknown'} {side.build_description}".strip()


def _files(found: types.Diff) -> Iterator[str]:
    if not found.files_known:
        yield "files: not known, since those of one build were not listed when it was made"
        return
    before, after = found.before, found.after
    yield f"source: {before.files} files, {_size(before.size)} -> {after.files} files, {_size(after.size)}"
    yield from _changes(found.files[:MAX_FILES])
    if len(found.files) > MAX_FILES:
        yield f"and {len(found.files) - MAX_FILES} more: --json lists all"


def _size(size_bytes: int) -> str:
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _with_hint(check: types.Finding) -> str:
    return f"{check.detail} ({check.hint})" if check.hint and check.result != "ok" else check.detail


def _outlook(found: types.Preview) -> Iterator[tuple[str, str]]:
    yield "Release", found.release
    services = (f"{s.name}: {s.count} wanted, {'?' if s.there < 0 else s.there} there" for s in found.services)
    yield "Services", "\n".join(services)
    yield "In standby", STANDBY.get(found.standby, found.standby)
    yield "Expected", _expected(found)


def _commands(found: Sequence[types.CommandAhead], *, is_undoing: bool) -> Iterator[str]:
    due = [each for each in found if is_undoing or each.kind == "release"]
    left = [each for each in found if each not in due]
    for title, listed in ((BEFOREHAND, due), (ON_REQUEST, left)):
        if listed:
            yield ""
            yield title
            yield from (f"  {c.kind} command of {c.service} ({c.release}): {c.command}" for c in listed)


def _expected(found: types.Preview) -> str:
    if found.expected < 0:
        return "not known: the app has had no such promotion yet"
    return f"{found.expected:.2f} s, the median of {found.measured} such promotions of this app"


def _what(entry: types.HistoryLine) -> str:
    text = f"{entry.app}: {entry.text}" if entry.app and entry.subject == "rack" else entry.text
    return f"{text} ({entry.cause})" if entry.cause else text


def _status(entry: types.HistoryLine) -> str:
    return "active" if entry.active else entry.status


def _until(entry: types.HistoryLine) -> str:
    return at(entry.until)
