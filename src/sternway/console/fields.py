"""Parameters as fields of a form: what each means, what holds where nothing is set, and what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sternway.console import texts
from sternway.core.errors import InvalidInput

PREFIX = "parameter."
"""What the names of these fields begin with, so that no parameter is taken for another field of a form."""
Check = Callable[[str, str], object]


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter. `value` is what was typed, where something was; `default` is what holds without one.

    `choices` are the values that there are, each with a word for it; none: any text.
    """

    name: str
    value: str
    meaning: str = ""
    default: str = ""
    choices: Sequence[tuple[str, str]] = ()
    problem: str = ""

    @property
    def key(self) -> str:
        """Return the name of the field in the form."""
        return PREFIX + self.name


def typed(form: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a form says of parameters, by name."""
    return {name.removeprefix(PREFIX): value.strip() for name, value in form.items() if name.startswith(PREFIX)}


def problems(values: Mapping[str, str], check: Check) -> Mapping[str, str]:
    """Return what is wrong with these values, by name, in words for people."""
    found = {}
    for name, value in values.items():
        try:
            check(name, value)
        except InvalidInput as exc:
            said = exc.message.removeprefix("parameters: ").removeprefix(f"{name}: ")
            found[name] = f"{said}; {exc.hint}" if exc.hint else said
    return found


def known(name: str, value: str, problem: str = "") -> Field:
    """Return the field of a parameter with what is known of it."""
    meaning, default = texts.PARAMETER_MEANINGS.get(name, ("", ""))
    return Field(name, value, meaning, default, texts.PARAMETER_CHOICES.get(name, ()), problem)
