"""What the rack answers of going back: differences, previews, history, as the wire's dataclasses."""

from collections.abc import Iterable

from sternway.core import difference
from sternway.ops.commands import Ahead
from sternway.ops.comparison import Comparison, Side
from sternway.ops.history import Entry, Point
from sternway.ops.preview import Finding, Preview, ServiceOutlook
from sternway.ops.restoration import Restored
from sternway.wire import types as wire

_RESULTS = {True: "ok", False: "problem", None: "unknown"}
_ANSWERS = {True: "yes", False: "no", None: "unknown"}


def comparison(found: Comparison) -> wire.Diff:
    """Return what differs; nothing that was not revealed is in it."""
    return wire.Diff(
        app=found.app,
        before=_side(found.before),
        after=_side(found.after),
        same=found.is_same,
        revealed=found.is_revealed,
        environment=_changes(found.environment),
        manifest=_changes(found.manifest or ()),
        manifest_known=found.manifest is not None,
        manifest_text=found.manifest_text,
        services=_changes(found.artifacts),
        files=_changes(found.files or ()),
        files_known=found.files is not None,
        settings=_changes(found.settings),
    )


def preview(found: Preview) -> wire.Preview:
    """Return what a rollback would do."""
    return wire.Preview(
        app=found.app,
        release=found.release.id,
        works=found.would_work,
        description=found.release.description,
        checks=[_finding(check) for check in found.checks],
        services=[_outlook(service) for service in found.services],
        commands=[_ahead(each) for each in found.commands],
        standby=_ANSWERS[found.is_in_standby],
        expected=-1.0 if found.expected_s is None else round(found.expected_s, 3),
        measured=found.measured,
        stays=list(found.stays),
        diff=comparison(found.differences) if found.differences else None,
    )


def entry(found: Entry) -> wire.HistoryLine:
    """Return a line of history."""
    return wire.HistoryLine(
        at=found.at,
        subject=found.subject,
        text=found.text,
        author=found.by,
        reason=found.reason,
        status=found.status,
        cause=found.cause,
        app=found.app,
        release=found.release,
        copy_of=found.copy_of,
        promotion=found.promotion,
        since=found.active_from,
        until=found.active_until,
        active=found.is_active,
    )


def point(found: Point) -> wire.Point:
    """Return a release that was active."""
    return wire.Point(found.release, found.description, found.since, found.until)


def restored(found: Restored) -> wire.Restored:
    """Return an app that is back."""
    return wire.Restored(
        app=found.app.name,
        release=found.release.id if found.release else "",
        promotion=found.promotion.id if found.promotion else 0,
        notes=list(found.notes),
    )


def _side(side: Side) -> wire.DiffSide:
    release, build = side.release, side.build
    return wire.DiffSide(
        release=release.id,
        description=release.description,
        created=release.made.at,
        author=release.made.by,
        build=release.build_id or "",
        build_description=build.description if build else "",
        git_sha=build.options.git_sha if build else "",
        files=side.files or 0,
        size=side.source_bytes or 0,
        artifacts=[wire.Size(name, side.sizes.get(name, -1)) for name in sorted(build.artifacts if build else ())],
    )


def _changes(changes: Iterable[difference.Change]) -> list[wire.Change]:
    return [wire.Change(each.name, each.kind, each.before or "", each.after or "") for each in changes]


def _finding(check: Finding) -> wire.Finding:
    return wire.Finding(check.name, _RESULTS[check.ok], check.detail, check.hint)


def _outlook(service: ServiceOutlook) -> wire.Outlook:
    return wire.Outlook(service.name, service.count, -1 if service.there is None else service.there)


def _ahead(found: Ahead) -> wire.CommandAhead:
    command = found.command
    return wire.CommandAhead(command.kind, command.service, command.release_id, found.text)
