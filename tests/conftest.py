"""What all tests share."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import snakemake.shell  # noqa: F401 - jobs get the stdout of its first import, which must be no test's captured one


@pytest.fixture(scope="session", autouse=True)
def named() -> Iterator[dict[str, str]]:
    """The folders that whoever runs the tests has named. A test sees them by this fixture alone: it would else run on
    stand-ins here and on real audio there."""
    with pytest.MonkeyPatch.context() as patch:
        found = {name: os.environ.get(name, "") for name in ("DSLITE_DATA", "DSLITE_WEIGHTS")}
        for name in found:
            patch.delenv(name, raising=False)
        yield found


def _real(root: str, name: str) -> Path:
    folder = Path(root) / name
    if not root or not folder.is_dir():
        pytest.skip(f"needs real audio: set DSLITE_DATA to a folder that holds {name}/")
    return folder


@pytest.fixture(scope="session")
def real_ravdess(named) -> Path:
    """The folder of the real RAVDESS song corpus."""
    return _real(named["DSLITE_DATA"], "ravdess")


@pytest.fixture(scope="session")
def real_ravdess_speech(named) -> Path:
    """The folder of the real RAVDESS speech corpus."""
    return _real(named["DSLITE_DATA"], "ravdess_speech")


@pytest.fixture(scope="session")
def squeezenet_weights(named) -> Path:
    """A folder that holds SqueezeNet v1.1's ImageNet weights."""
    folder = Path(named["DSLITE_WEIGHTS"])
    if not named["DSLITE_WEIGHTS"] or not list(folder.glob("squeezenet*notop.h5")):
        pytest.skip("needs real weights: set DSLITE_WEIGHTS to a folder that holds SqueezeNet's *_notop.h5")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs come first: a core that got one last would keep all others waiting."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What has been imported by now, TensorFlow and all test files, stays to the end: Python looks for garbage in what
    the tests make alone, which else takes 0.3 s and more each time, and stages ask for it after their fits."""
    gc.collect()
    gc.freeze()
