"""How own data is named."""

import re
import unicodedata
from pathlib import Path

from dslite.corpora.registry import REGISTRY
from dslite.tasks import REGRESSION

FORM = "a CSV of filename,label[,speaker][,partition] above its audio, or a folder with a sub-folder per class"
"""What own data may be."""

LONGEST = 128
"""Letters of a corpus' name: files of a run are called by it and more, and disks allow 255."""

_TAKEN = frozenset({*REGISTRY, "paper", "benchmark", "ablation", "seeds", "standins", "tools", "logs", "tables"})


def is_own(name: str) -> bool:
    """Whether the name of a corpus is the path of own data: of a CSV (there or not) or of a folder."""
    return name not in REGISTRY and name != "" and (name.lower().endswith(".csv") or Path(name).is_dir())


def results_name(source: str, task: str) -> str:
    """The name of the folders of a corpus' results: those of numbers lie apart where labels can be classes, too.

    Args:
        source: as ``--corpora`` names it.
        task: a key of :data:`dslite.tasks.TASKS`.
    """
    return f"{source}_{task}" if task == REGRESSION.name and source in REGISTRY else slug(source)


def slug(name: str) -> str:
    """The name of a corpus' folders: the corpus' own, or for own data (path or stem) ``a-z0-9_``, never one taken; what
    is very long is cut."""
    if name in REGISTRY:
        return name
    stem = re.sub(r"\.csv$", "", Path(name).name, flags=re.IGNORECASE)
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain)[:LONGEST].strip("_") or "own"
    return f"own_{plain}" if plain in _TAKEN else plain
