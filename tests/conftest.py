"""What all tests share."""

import os
from pathlib import Path

import pytest


def _real(name: str) -> Path:
    folder = Path(os.environ.get("DSLITE_DATA", "")) / name
    if not os.environ.get("DSLITE_DATA") or not folder.is_dir():
        pytest.skip(f"needs real audio: set DSLITE_DATA to a folder that holds {name}/")
    return folder


@pytest.fixture(scope="session")
def real_ravdess() -> Path:
    """The folder of the real RAVDESS song corpus."""
    return _real("ravdess")


@pytest.fixture(scope="session")
def real_ravdess_speech() -> Path:
    """The folder of the real RAVDESS speech corpus."""
    return _real("ravdess_speech")


@pytest.fixture(scope="session")
def squeezenet_weights() -> Path:
    """A folder that holds SqueezeNet v1.1's ImageNet weights."""
    folder = Path(os.environ.get("DSLITE_WEIGHTS", ""))
    if not os.environ.get("DSLITE_WEIGHTS") or not list(folder.glob("squeezenet*notop.h5")):
        pytest.skip("needs real weights: set DSLITE_WEIGHTS to a folder that holds SqueezeNet's *_notop.h5")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs come first: a core that got one last would keep all others waiting."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
