"""Where ImageNet weights come from: a user's folder, an installed package, Keras' cache, a download.

Imports no TensorFlow.
"""

import hashlib
import os
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from dslite.backbones import base_model
from dslite.errors import DsliteError
from dslite.files import sha256, whole_file


def find_weights(backbone: str, folder: Path | None = None) -> Path | None:
    """The file with a base model's ImageNet weights, if it is on this machine.

    Args:
        backbone: one of :func:`dslite.backbones.names`.
        folder: a user's folder, looked at first; then come the package that carries the file, and Keras' cache
            (``$KERAS_HOME`` or ``~/.keras``).
    """
    name = base_model(backbone).file
    places = (folder, *_carried(base_model(backbone).package), _cache())
    return next((place / name for place in places if place and (place / name).is_file()), None)


def fetch_weights(backbone: str) -> Path | None:
    """Downloads a base model's ImageNet weights into Keras' cache, whole and with the right checksum or not at all.

    Returns:
        The file; None where it cannot be had (no network, no answer within 5 s, another file than expected).
    """
    wanted = base_model(backbone)
    if not wanted.url:
        return None
    place = _cache() / wanted.file
    try:
        with urllib.request.urlopen(wanted.url + wanted.file, timeout=5) as answer, whole_file(place) as draft:
            content = answer.read()
            if wanted.md5 and hashlib.md5(content, usedforsecurity=False).hexdigest() != wanted.md5:
                raise OSError(f"{wanted.file} is not the file that was expected")
            draft.write_bytes(content)
    except (OSError, DsliteError):  # no network, no room: each ends in random weights, which is said on every page
        return None
    return place


def digest(file: Path | None) -> str | None:
    """What identifies a file of weights: the start of its SHA-256; None for none."""
    return sha256(file)[:16] if file else None


def _carried(package: str) -> list[Path]:
    found = find_spec(package) if package else None
    return [Path(place) / "models" for place in found.submodule_search_locations or []] if found else []


def _cache() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
