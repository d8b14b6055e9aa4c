"""The systems that are scored, by name: the one list. What each computes is in ``training`` and ``baseline``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """A system that DS Lite is compared with.

    Attributes:
        title: its name in every table.
        on_base_model: whether its results depend on a base model and its weights.
    """

    title: str
    on_base_model: bool = False


OURS = "DS Lite"
"""The paper's own system, as ``results.csv`` calls it; it has a row per configuration."""

BASELINES = {
    "chance": System("chance"),
    "librosa": System("librosa statistics + SVM"),
    "deep_spectrum": System("Deep Spectrum + SVM", on_base_model=True),
}
"""By the key that names a folder, in the order in which they stand above DS Lite."""

CHANCE = "chance"
"""The baseline that learns nothing: it has neither interval nor test, for it is 100 % / classes on any files."""

TITLES = {key: system.title for key, system in BASELINES.items()}
