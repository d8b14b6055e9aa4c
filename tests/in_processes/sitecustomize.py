"""Has a process that a test starts know ``toynet``: Python imports this before anything else (tests/through.py)."""

from pathlib import Path

from dslite import backbones

backbones.__path__.append(str(Path(__file__).parents[1] / "base_models"))
