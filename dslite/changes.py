"""What somebody may change against Table 2, the paper's text and our defaults: every value with its unit and range.

In a notebook ``changes = {"units": 256, "epochs": (10, 4)}``, for ``run_all.py`` ``--set units=256 --set epochs=10,4``.
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from importlib.resources import files
from math import isfinite
from typing import Any

from dslite.errors import DsliteError
from dslite.profiles import Recipe
from dslite.readings import CHOICES, Reading

Changes = tuple[tuple[str, Any], ...]
"""Name and value of each, in the order of :data:`CHANGEABLE`."""

LONGEST = 80
"""Letters of a folder that is named by what was changed; where it takes more, a checksum stands for the rest."""


@dataclass(frozen=True)
class Changeable:
    """One value that may be changed.

    Attributes:
        of: what it is a value of: ``recipe``, ``reading``, ``standin``, ``evaluation`` or ``fits``.
        about: what it is, with its unit.
        kind: int, float, bool or str.
        low, high: range of numbers, both ends included.
        words: what may be chosen from, for words.
        count: how many there are; 0 for a list of any length.
        field: the reading's parameter, and which of its two ends it is; where it has another name there.
    """

    of: str
    about: str
    kind: type
    low: float = 0.0
    high: float = float("inf")
    words: tuple[str, ...] = ()
    count: int = 1
    field: tuple[str, int] | None = None

    @property
    def allowed(self) -> str:
        """What may be given, for people."""
        if self.words:
            return ", ".join(map(repr, self.words))
        if self.kind is bool:
            return "True or False"
        if self.kind is str:
            return "one name or several"
        number = "whole number" if self.kind is int else "number"
        between = f"from {self.low:g} to {self.high:,.9g}" if isfinite(self.high) else f"of at least {self.low:g}"
        return f"{self.count} {number}s {between}" if self.count > 1 else f"a {number} {between}"

    def take(self, value) -> object:
        """The value as it is used; a ValueError where it cannot be."""
        many = self.count != 1
        if many and isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        if many and (not isinstance(value, list | tuple) or self.count and len(value) != self.count or not value):
            raise ValueError
        taken = tuple(self._one(part) for part in (value if many else [value]))
        return taken if many else taken[0]

    def _one(self, value: object) -> object:
        if value in self.words if self.words else self.kind in (bool, str) and isinstance(value, self.kind):
            return value
        if self.words or self.kind in (bool, str) or isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if not self.low <= value <= self.high or self.kind(value) != value:
            raise ValueError
        return self.kind(value)


def _load() -> dict[str, Changeable]:
    """What changes.toml lists; what has no kind there is one of the words of the reading's parameter of that name."""
    found = {}
    for of, entries in tomllib.loads(files(__package__).joinpath("changes.toml").read_text(encoding="utf-8")).items():
        for name, entry in entries.items():
            more = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
            more["kind"] = {"int": int, "float": float, "bool": bool}.get(entry.get("kind"), str)
            found[name] = Changeable(of, **{"words": () if "kind" in entry else CHOICES[name]} | entry | more)
    return found


CHANGEABLE = _load()
"""By name, in the order in which :func:`listed` shows them."""


def checked(changes: Mapping[str, object]) -> Changes:
    """Changes as they are used.

    Raises:
        DsliteError: for a name that there is not or a value that cannot be; it says what would be right.
    """
    taken = {}
    for name, value in changes.items():
        if name not in CHANGEABLE:
            near = get_close_matches(name, CHANGEABLE, 1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise DsliteError(f"There is no {name!r} to be changed. {hint}There are: {', '.join(CHANGEABLE)}.")
        try:
            taken[name] = CHANGEABLE[name].take(value)
        except ValueError:
            one = CHANGEABLE[name]
            raise DsliteError(f"{name} is {value!r}; expected {one.allowed} ({one.about}).") from None
    if "epochs" in taken and not any(taken["epochs"]):
        raise DsliteError("epochs is (0, 0); expected at least 1 in one of the phases, e.g. (10, 0).")
    if 0 < taken.get("chunk", 0) < 0.2:
        raise DsliteError(f"chunk is {taken['chunk']}; expected at least 0.2 s, or 0 for whole files.")
    return tuple((name, taken[name]) for name in CHANGEABLE if name in taken)


def parsed(words: Iterable[str]) -> dict[str, object]:
    """What ``--set`` was given, ``name=value`` each; values are Python literals or words.

    Raises:
        DsliteError: for anything else.
    """
    found: dict[str, object] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise DsliteError(f"--set {word}: name=value was expected, e.g. units=256; --set help lists the names.")
        try:
            found[name.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            found[name.strip()] = value.strip()
    return found


def listed() -> list[str]:
    """A line for each value that may be changed: name, what it is, what is allowed."""
    return [f"{name:18} {one.about}: {one.allowed}" for name, one in CHANGEABLE.items()]


def to_recipe(recipe: Recipe, changes: Changes) -> Recipe:
    """The hyperparameters with the changes that are theirs."""
    return replace(recipe, **{name: value for name, value in changes if CHANGEABLE[name].of == "recipe"})


def to_reading(reading: Reading, changes: Changes) -> Reading:
    """The reading with the changes that are its, under its old name.

    Raises:
        DsliteError: if the Mel bins would end below where they begin.
    """
    for name, value in changes:
        field, end = CHANGEABLE[name].field or (name, None)
        if end is not None:
            value = tuple(value if end == at else old for at, old in enumerate(getattr(reading, field)))
        reading = replace(reading, **{field: value}) if CHANGEABLE[name].of == "reading" else reading
    if reading.low_hz >= reading.high_hz:
        low, high = f"{reading.low_hz:g}", f"{reading.high_hz:g}"
        raise DsliteError(
            f"high_hz is {high}, low_hz {low}; expected high_hz above low_hz: raise it or lower the other."
        )
    return reading


def said(changes: Iterable[tuple[str, object]]) -> str:
    """Changes in words, e.g. ``units 256, epochs 10 and 4``."""
    return ", ".join(f"{name} {_word(value)}" for name, value in changes)


def folder(changes: Iterable[tuple[str, object]]) -> str:
    """The folder that is named by what was changed, e.g. ``units-256_epochs-10-4``."""
    name = "_".join(re.sub(r"[^\w.]+", "-", f"{name}-{_word(value)}").strip("-") for name, value in changes)
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}-{sha256(name.encode()).hexdigest()[:8]}"


def _word(value: object) -> str:
    if isinstance(value, tuple | list):
        return " and ".join(map(_word, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
