"""What a Caddy of the router is called: by its role, and by the generation that it belongs to.

A generation is a front and two backs that run the same binary. The first one, 0, has the bare roles for names.
"""

import re

FRONT = "front"
BACKS = ("back-a", "back-b")
ROLES = (FRONT, *BACKS)
PATTERN = r"(?:front|back-[ab])(?:-[1-9][0-9]*)?"
_NAME = re.compile(r"(front|back-[ab])(?:-([1-9][0-9]*))?")


def named(role: str, generation: int) -> str:
    """Return the name of who has this role in this generation."""
    return f"{role}-{generation}" if generation else role


def role(name: str) -> str:
    """Return the role; raises ValueError for what is no name."""
    return _parsed(name)[1]


def generation(name: str) -> int:
    """Return the number of the generation; raises ValueError for what is no name."""
    return int(_parsed(name)[2] or 0)


def access_log(back: str) -> str:
    """Return the path of the log of the requests that a back answered; generations share theirs."""
    return f"log/access-{role(back).removeprefix('back-')}.log"


def is_name(text: str) -> bool:
    """Tell whether a Caddy of the router is called like this."""
    return _NAME.fullmatch(text) is not None


def _parsed(name: str) -> re.Match[str]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"not the name of a front or back: {name!r}")
    return found
