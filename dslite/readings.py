"""Readings of the paper: what is computed where its text, the released code and good practice differ.

A reading is a set of named parameters (``readings.toml``); the ledger (:mod:`dslite.paper.ledger`) says which
discrepancy each belongs to and what speaks for which value. No TensorFlow in here: the command line reads it.
"""

import tomllib
from dataclasses import asdict, dataclass, fields, replace
from importlib.resources import files

from dslite.front_end import FrontEnd


@dataclass(frozen=True, kw_only=True)
class Reading(FrontEnd):
    """The parameters: those of the front end, whose ``rate`` and ``size`` no reading changes, and others, each named by
    the ledger entry in brackets. What ``readings.toml`` leaves out is alike in every reading.

    Attributes:
        name: ``paper``, ``released``, ``sound``, or what was changed in one of them.
        window, hop, low_hz, floor, top_db, empty_bins: of the front end [F-02].
        triangles: of the front end [F-50].
        normalise: of the front end [F-04].
        colouring: of the front end [F-24].
        resize: of the front end [F-03].
        short_files: files shorter than a chunk: ``repeat`` pads them by repetition, ``drop`` leaves them out of
            train, dev and test [F-16].
        remainder: what follows a file's last whole chunk: ``drop`` leaves it out, ``overlap`` adds a last chunk that
            ends with the file [F-16].
        upsampling: of smaller classes: ``all`` chunks may be repeated, ``all but last`` of each class, ``none`` [F-14].
        tail: whether training chunks beyond the last whole pair of batches are used (``keep``, ``drop``) [F-15].
        probability: of an augmentation at lambda 0 and 1 [F-05].
        patch, mask: side of CutMix' square and width of a mask at lambda 0 and 1, in pixels [F-06].
        cutmix_label: a partner's label counts by the pasted ``area`` or by the ``square`` before clipping [F-07].
        cutmix_partner: any ``other`` sample of the batch, or ``any``, itself included [F-07].
        mask_axes: ``named``: time masks hide columns; ``swapped``: they hide rows [F-08].
        mask_start: the first row or column that a mask may begin at, 0 or 1 [F-51].
        mask_fill: colour of masks: the base model's ``mean``, or ``released``, what the released code takes for it
            (:func:`dslite.backbones.mask_colour`) [F-09].
        loss_limit: losses above it rank as equals; 0 for no limit [F-52].
        arelu: its two scalars ``trained`` or ``fixed`` [F-10].
        layers: how Table 2's share of layers is counted; see :func:`dslite.network.count_trained` [F-01].
        optimiser: of the full profile, ``adadelta`` or ``adam`` [F-13].
        learning_rate: of the full profile's first phase; 0 stands for Table 2's [F-13].
        extra_epochs: added to the second phase, where there is one [F-12].
        decision: a file's class; a key of :data:`dslite.scoring.DECISIONS` [F-17].
        sap_a, sap_s: shape of lambda over the loss rank; a moves the switch-over rank to ``1 - a``, s sharpens it.
    """

    name: str
    short_files: str
    remainder: str
    upsampling: str
    tail: str
    probability: tuple[float, float]
    patch: tuple[float, float]
    mask: tuple[float, float]
    cutmix_label: str
    cutmix_partner: str
    mask_axes: str
    mask_start: int
    mask_fill: str
    loss_limit: float
    arelu: str
    layers: str
    optimiser: str
    learning_rate: float
    extra_epochs: int
    decision: str
    sap_a: float = 0.5
    sap_s: float = 10.0

    def __post_init__(self):
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(allowed)}.")

    def with_changes(self, **changes) -> "Reading":
        """The same with other values of some parameters, named after them.

        Raises:
            TypeError: for a parameter that there is not.
            ValueError: for a value that it cannot have.
        """
        changes = {name: _frozen(value) for name, value in changes.items()}
        said = ", ".join(f"{name} {value}" for name, value in changes.items())
        return replace(self, name=f"{self.name} with {said}", **changes)

    def said(self, name: str) -> str:
        """The value of a parameter, for people."""
        value = getattr(self, name)
        if name in _UNSET and not value:
            return _UNSET[name]
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return (" to " if len(value) == 2 else ", ").join(f"{part:g}" for part in value)
        return value if isinstance(value, str) else f"{value:g}"

    def parameters(self, stage: str = "") -> dict:
        """What a stage's results depend on, by name: for ``corpus`` what its cache holds, else everything."""
        every = {name: value for name, value in asdict(self).items() if name not in ("name", "rate", "size")}
        return {name: every[name] for name in CACHED} if stage == "corpus" else every

    def front_end(self) -> FrontEnd:
        """The front end's parameters."""
        return FrontEnd(**{field.name: getattr(self, field.name) for field in fields(FrontEnd)})


PAINTED = ("colours", "resize")
"""Those of the front end that act on what is cached."""

CACHED = (
    *(field.name for field in fields(FrontEnd) if field.name not in (*PAINTED, "rate", "size")),
    *("short_files", "remainder"),
)
"""The parameters that change what the stage ``corpus`` caches."""

_UNSET = {
    "learning_rate": "Table 2's",
    "top_db": "no limit",
    "loss_limit": "no limit",
    "loudest_db": "each chunk's own",
}


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


_STORED = tomllib.loads(files(__package__).joinpath("readings.toml").read_text(encoding="utf-8"))

CHOICES = {name: tuple(words) for name, words in _STORED.pop("choices").items()}
"""Parameters that are one of some words."""

_STORED["sound"] = _STORED["paper"] | _STORED["sound"]

READINGS = {name: Reading(name=name, **{k: _frozen(v) for k, v in row.items()}) for name, row in _STORED.items()}
"""``paper``, ``released`` and ``sound``."""

PAPER = READINGS["paper"]
"""The default."""
