"""What making a release active would change: looked at before anything is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from sternway.core import environment
from sternway.core.environment import Environment
from sternway.core.errors import SternwayError
from sternway.core.release import Release
from sternway.ops import apps, artifacts, releases
from sternway.ops.rack import Rack


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and what is wrong if something is."""

    name: str
    found: str
    is_ok: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The differences between the active release and another, and what stands in the way. No value is in it."""

    active: Release | None
    added: Sequence[str]
    changed: Sequence[str]
    removed: Sequence[str]
    is_other_build: bool
    is_other_manifest: bool
    checks: Sequence[Check]

    @property
    def is_same(self) -> bool:
        """Tell whether nothing that runs would change."""
        has_other = self.is_other_build or self.is_other_manifest
        return not (self.added or self.changed or self.removed or has_other)

    @property
    def is_possible(self) -> bool:
        """Tell whether nothing stands in the way."""
        return all(check.is_ok for check in self.checks)


async def preview(rack: Rack, app_name: str, release_id: str) -> Preview:
    """Return what would change with this release; raises NotFound."""
    view = await apps.get(rack, app_name)
    release = await releases.get(rack, app_name, release_id)
    active = await releases.get(rack, app_name, view.active_id) if view.active_id else None
    before, after = (active.environment if active else Environment()), release.environment
    return Preview(
        active=active,
        added=[key for key in after if key not in before],
        changed=[key for key in after if key in before and after[key] != before[key]],
        removed=[key for key in before if key not in after],
        is_other_build=active is None or active.build_id != release.build_id,
        is_other_manifest=active is None or active.manifest != release.manifest,
        checks=[await _artifacts(rack, app_name, release)],
    )


async def _artifacts(rack: Rack, app_name: str, release: Release) -> Check:
    if release.build_id is None:
        return Check("build", "none", is_ok=False)
    try:
        gone = await artifacts.gone(rack, app_name, {release.build_id})
    except SternwayError as exc:
        return Check("build", exc.message, is_ok=False)
    return Check("build", "gone" if gone else release.build_id, is_ok=not gone)


def changes(before: Environment, after: Environment) -> str:
    """Say what changed in one line."""
    return environment.change_description(before, after)
