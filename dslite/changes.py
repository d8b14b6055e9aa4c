"""What somebody may change against Table 2, the paper's text and our defaults: every value with its unit and range.

In a notebook ``changes = {"units": 256, "epochs": (10, 4)}``, for ``run_all.py`` ``--set units=256 --set epochs=10,4``.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from math import isfinite
from typing import Any

from dslite.errors import DsliteError
from dslite.profiles import LOSSES, SCHEDULES, Recipe
from dslite.readings import CHOICES, Reading

Changes = tuple[tuple[str, Any], ...]
"""Name and value of each, in the order of :data:`CHANGEABLE`."""

LONGEST = 80
"""Letters of a folder that is named by what was changed; where it takes more, a checksum stands for the rest."""


@dataclass(frozen=True)
class Changeable:
    """One value that may be changed.

    Attributes:
        of: what it is a value of: ``recipe``, ``reading``, ``evaluation`` or ``fits``.
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
        numbers = "whole numbers" if self.kind is int else "numbers"
        numbers = numbers if self.count > 1 else numbers[:-1]
        between = f"from {self.low:g} to {self.high:,.9g}" if isfinite(self.high) else f"of at least {self.low:g}"
        return f"{self.count} {numbers} {between}" if self.count > 1 else f"a {numbers} {between}"

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


def _word_of(name: str, about: str) -> dict[str, Changeable]:
    return {name: Changeable("reading", about, str, words=CHOICES[name])}


def _ends(names: str, field: str, about: str, high: float) -> dict[str, Changeable]:
    ends = ("min", "where the loss ranks highest"), ("max", "where it ranks lowest")
    return {
        f"{names}_{end}": Changeable("reading", f"{about}, {where}", float, 0.0, high, field=(field, number))
        for number, (end, where) in enumerate(ends)
    }


CHANGEABLE: dict[str, Changeable] = {
    "epochs": Changeable("recipe", "epochs of the first and the second phase", int, 0, 10_000, count=2),
    "learning_rate": Changeable("recipe", "rate of the first phase", float, 1e-8, 10.0),
    "second_rate": Changeable("recipe", "rate of the second phase as a share of the first's", float, 0.0, 10.0),
    "optimiser": Changeable("recipe", "optimiser of both phases", str, words=(*CHOICES["optimiser"], "adamw")),
    "units": Changeable("recipe", "width of the head's hidden layer; 0 for none", int, 0, 8192),
    "dropout": Changeable("recipe", "share of its units dropped in training", float, 0.0, 0.99),
    "share": Changeable("recipe", "share of the base model's layers that the second phase trains", float, 0.0, 1.0),
    "batch": Changeable("recipe", "chunks per step", int, 1, 4096),
    "chunk": Changeable("recipe", "length of a chunk in s, at least 0.2; 0 for whole files", float, 0.0, 600.0),
    "schedule": Changeable("recipe", "rate over a phase: constant, or up and down a cosine", str, words=SCHEDULES),
    "decay": Changeable("recipe", "weight decay of adamw, as a share of the rate", float, 0.0, 1.0),
    "clip": Changeable("recipe", "largest norm of all gradients together; 0 for no limit", float, 0.0, 1000.0),
    "smoothing": Changeable("recipe", "share of a label that all classes get alike", float, 0.0, 0.9),
    "loss": Changeable("recipe", "where labels are numbers: 1 - CCC of a batch, or squared error", str, words=LOSSES),
    "class_weights": Changeable("recipe", "classes count alike by weights, in place of up-sampling", bool),
    "standardise": Changeable("recipe", "the head scales features to those of the training chunks", bool),
    "average": Changeable("recipe", "momentum of averaged weights in phase two; 0 for none", float, 0.0, 0.99999),
    "shift": Changeable("recipe", "the second phase rotates plots by up to this share of their width", float, 0.0, 1.0),
    "light_masks": Changeable(
        "recipe", "largest time and frequency mask, each in half of phase two's plots, as shares", float, 0, 1, count=2
    ),
    "window": Changeable(
        "reading", "window in samples at 16 kHz; the FFT is the power of two that holds it", int, 32, 8192
    ),
    "hop": Changeable("reading", "step between frames in samples at 16 kHz", int, 8, 8192),
    **_word_of("mel_scale", "Mel scale of HTK, or Slaney's, which is librosa's default"),
    "low_hz": Changeable("reading", "lower edge of the Mel bins in Hz", float, 0.0, 4000.0),
    "high_hz": Changeable("reading", "upper edge of the Mel bins in Hz, above low_hz", float, 100.0, 8000.0),
    "mel_bins": Changeable("reading", "number of Mel bins", int, 16, 512),
    "equal_area": Changeable("reading", "whether Mel filters are of one area, not of one height", bool),
    "empty_bins": Changeable("reading", "whether Mel bins without an FFT bin are taken, and not refused", bool),
    "floor": Changeable("reading", "smallest power before the logarithm", float, 1e-30, 1.0),
    "top_db": Changeable("reading", "range below the loudest bin in dB; 0 for all", float, 0.0, 300.0),
    "loudest_db": Changeable(
        "reading", "Mel power of the last colour in dB; 0: each chunk's own", float, -200.0, 200.0
    ),
    **_word_of("triangles", "whether Mel filters are straight lines over Hz or over Mel"),
    "normalise": Changeable("reading", "whether a chunk's peak is brought to 1", bool),
    **_word_of("colours", "colour map of the plots, by matplotlib's name"),
    **_word_of("colouring", "the colour map's 256 steps, or straight lines between them"),
    **_word_of("resize", "how the plot comes to 224 x 224"),
    **_word_of("short_files", "files shorter than a chunk"),
    **_word_of("remainder", "what follows a file's last whole chunk"),
    **_word_of("upsampling", "which chunks of smaller classes are repeated in training"),
    **_word_of("tail", "training chunks beyond the last whole pair of batches"),
    "sap_a": Changeable(
        "reading", "SapAugment's a: the larger, the fewer samples are much augmented", float, 0.01, 0.99
    ),
    "sap_s": Changeable("reading", "SapAugment's s: how sharply lambda falls over the loss rank", float, 0.1, 1000.0),
    **_ends("augmentation", "probability", "probability of CutMix and of SpecAugment", 1.0),
    **_ends("cutmix", "patch", "side of CutMix' square in pixels of 224", 224.0),
    **_ends("mask", "mask", "width of SpecAugment's masks in pixels of 224", 224.0),
    **_word_of("cutmix_label", "what a partner's label counts by: the pasted area or the square before clipping"),
    **_word_of("cutmix_partner", "which sample of the batch CutMix pastes from"),
    **_word_of("mask_axes", "whether time masks hide columns (named) or rows (swapped)"),
    "mask_start": Changeable("reading", "first row or column that a mask may begin at", int, 0, 1),
    **_word_of("mask_fill", "colour of masks: the base model's mean, or what the released code takes for it"),
    "loss_limit": Changeable("reading", "losses above it rank as equals; 0 for no limit", float, 0.0, 1000.0),
    **_word_of("arelu", "the two scalars of AReLU"),
    **_word_of("layers", "how the share of layers is counted: trained (last), frozen, or the complement frozen (rest)"),
    **_word_of("decision", "how a file's class follows from its chunks"),
    "draws": Changeable("evaluation", "bootstrap draws of intervals and p values", int, 100, 100_000),
    "fits": Changeable("fits", "which fits are made, e.g. 'both on train' and 'both on train + dev'", str, count=0),
}
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
