"""The labels by which a rack knows what it made in an engine that it shares with others.

Everything that a restarted rack has to know of a container stands in them. They are visible to whoever may
use the engine, so no value of an environment is ever in one.
"""

import json
from collections.abc import Mapping

RACK = "sternway.rack"
"""The id of the rack: two racks on one engine never touch what is the other's."""
APP = "sternway.app"
SERVICE = "sternway.service"
KIND = "sternway.kind"
"""What a container is: FORMATION or ONE_OFF."""
FINGERPRINT = "sternway.fingerprint"
SLOT = "sternway.slot"
RELEASE = "sternway.release"
"""The release that first started the formation."""
BUILD = "sternway.build"

FORMATION = "formation"
ONE_OFF = "one-off"

RACK_CONTEXT = b"docker rack id"
"""What a rack's keyed hash is taken of to get its id, so that a store that is put back finds its containers."""
RACK_LENGTH = 12


def selecting(rack: str, **more: str) -> Mapping[str, list[str]]:
    """Return an engine's filter for what belongs to a rack; `app="shop"` and the like narrow it."""
    wanted = {RACK: rack} | {f"sternway.{name}": value for name, value in more.items()}
    return {"label": [f"{name}={value}" for name, value in wanted.items()]}


def encoded(filters: Mapping[str, list[str]]) -> str:
    """Return a filter as the engine's API takes it."""
    return json.dumps(filters)
