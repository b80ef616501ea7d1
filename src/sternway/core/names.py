"""Names and ids: which are valid, and how an id looks."""

import re

from sternway.core.errors import InvalidInput

RESERVED_APP_NAMES = frozenset({"rack", "system"})
NAME_MAX_LENGTH = 63
ID_LETTERS = 10

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_ENVIRONMENT_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(text: str) -> bool:
    """Tell whether `text` can name an app, a service or a resource."""
    return len(text) <= NAME_MAX_LENGTH and _NAME.fullmatch(text) is not None


def is_environment_key(text: str) -> bool:
    """Tell whether `text` can be the name of an environment variable."""
    return _ENVIRONMENT_KEY.fullmatch(text) is not None


def check_app_name(name: str) -> str:
    """Return `name`, or raise InvalidInput that says what an app's name looks like."""
    if name in RESERVED_APP_NAMES:
        raise InvalidInput(f"name: {name} is reserved", hint="choose another name for the app")
    if not is_name(name):
        raise InvalidInput(
            f"name: {name!r} is not a valid app name",
            hint=f"use lower-case letters, digits and dashes, a letter first, {NAME_MAX_LENGTH} characters at most",
        )
    return name


def id_from(prefix: str, letters: str) -> str:
    """Build the id of a build (`B`) or release (`R`) from ten capitals."""
    if len(letters) != ID_LETTERS or not letters.isascii() or not letters.isupper():
        raise ValueError("an id needs ten capital letters")
    return prefix + letters
