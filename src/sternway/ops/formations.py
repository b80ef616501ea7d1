"""Use cases of formations: which of them a release is, whichever release with that content started them."""

from collections.abc import Collection, Mapping

from sternway.core.app import App
from sternway.core.errors import SternwayError
from sternway.core.formation import FormationKey
from sternway.core.promotion import PromotionOptions
from sternway.ops import reach
from sternway.ops.rack import Rack
from sternway.ports import Ledger


async def of_releases(rack: Rack, app_name: str, release_ids: Collection[str]) -> Mapping[str, frozenset[FormationKey]]:
    """Return the formations of each release; none of one that could not run. Raises NotFound."""
    found = {release_id: rack.fingerprints.find(release_id) for release_id in release_ids}
    if all(keys is not None for keys in found.values()):
        return {release_id: keys or frozenset() for release_id, keys in found.items()}
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        return {
            release_id: await _worked_out(rack, ledger, app, release_id) if keys is None else keys
            for release_id, keys in found.items()
        }


async def of_release(rack: Rack, app_name: str, release_id: str) -> frozenset[FormationKey]:
    """Return the formations of one release; errors as above."""
    return (await of_releases(rack, app_name, [release_id]))[release_id]


async def _worked_out(rack: Rack, ledger: Ledger, app: App, release_id: str) -> frozenset[FormationKey]:
    candidate = await reach.as_it_is(ledger, app, release_id)
    try:
        desired = candidate.desired(rack, PromotionOptions())
    except SternwayError:  # what cannot run has no formations
        desired = None
    keys = frozenset(target.formation.key for target in desired.services) if desired else frozenset[FormationKey]()
    rack.fingerprints.remember(release_id, keys)
    return keys
