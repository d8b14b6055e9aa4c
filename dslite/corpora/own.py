"""How own data is named."""

import re
import unicodedata
from pathlib import Path

from dslite.corpora.registry import CORPORA

_TAKEN = frozenset({*CORPORA, "paper", "benchmark", "ablation", "seeds", "standins", "logs", "tables"})


def is_own(name: str) -> bool:
    """Whether the name of a corpus is the path of an own CSV."""
    return name.lower().endswith(".csv")


def slug(name: str) -> str:
    """The name of a corpus' folders: the corpus' own, or for an own CSV (path or stem) ``a-z0-9_``, never one taken."""
    if name in CORPORA:
        return name
    stem = Path(name).name[: -len(".csv")] if is_own(name) else Path(name).name
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "own"
    return f"own_{plain}" if plain in _TAKEN else plain
