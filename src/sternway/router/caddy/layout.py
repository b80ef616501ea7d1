"""What versions of the rack find of each other in the router's directory: the layout, and its number.

A router outlives the rack that started it, and the next rack may be of a newer or of an older version. What both
have to understand is this. Layout 1:

- Each Caddy has a name (`names`): a role, and from the second generation on a number. `run/NAME.pid` says which
  process it is (`pid`, `started` in ticks since the boot, `boot`); its working directory is the router's, and it was
  started with `run --config NAME.json`, so that it is found even without that note. It answers for itself at
  `run/NAME-admin.sock`.
- `live` names the back that gets the requests. The generation of that back is the one that serves; all others leave.
- A front's servers are called `WHAT ADDRESS`. It shares its addresses (SO_REUSEPORT), so that another may be started
  beside it. While `run/NAME.leaving` is there, each of its clients is asked to connect anew after an answer.
- `apps/` and `epoch` say which routes there are; see `record` and `slots`.

A Caddy whose name is of no role here, and files not named here, are left alone.

`layout.json` says which layout the directory has, and the oldest one that a version has to know to go on from it. A
version that changes something above raises the first number; the second too, if one that does not know the change
could lose a request by it. To keep the way back open, it does so only once the version before can read the new layout.
"""

import json
from pathlib import Path

from sternway import files
from sternway.core.errors import RouterUnavailable

NUMBER = 1
READABLE_FROM = 1
FILE = "layout.json"


def check(directory: Path) -> tuple[int, int]:
    """Return both numbers; 0 where nothing is yet. Raises RouterUnavailable for what this version does not know."""
    try:
        found = json.loads((directory / FILE).read_text())
        number, readable_from = int(found["layout"]), int(found["readable_from"])
    except FileNotFoundError:
        return 0, 0
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise RouterUnavailable(f"cannot read {directory / FILE}: {exc}", hint="look at the disk") from exc
    if readable_from > NUMBER:
        raise RouterUnavailable(
            f"the router was left with layout {number}, and this version knows layout {NUMBER}",
            hint="go back by one version at a time, or take down apps and router with the newer one: --dismantle",
        )
    return number, readable_from


def enter(directory: Path) -> None:
    """Check it, and note that from now on it is this version's. Raises RouterUnavailable with nothing changed."""
    if check(directory) != (NUMBER, READABLE_FROM):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        noted = {"layout": NUMBER, "readable_from": READABLE_FROM}
        files.replace(directory / FILE, json.dumps(noted).encode(), is_durable=True)
