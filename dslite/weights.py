"""Where ImageNet weights come from: a user's folder, Keras' cache, a download. Imports no TensorFlow."""

import hashlib
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from dslite.files import whole_file


@dataclass(frozen=True)
class WeightsFile:
    """One published file of ImageNet weights without the classification layer.

    Attributes:
        file: its name as published, which is also its name in Keras' cache.
        url: the folder that it is published in.
        md5: its checksum; empty where the publisher gives none.
    """

    file: str
    url: str
    md5: str


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"

WEIGHTS_FILES = {
    "densenet121": WeightsFile(
        "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        _KERAS + "densenet/",
        "30ee3e1110167f948a6b9946edeeb738",
    ),
    "mobilenet_v2": WeightsFile(
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        _KERAS + "mobilenet_v2/",
        "",
    ),
    # Not part of keras.applications. The MD5 is that of the file which the authors' framework asks for.
    "squeezenet_v1": WeightsFile(
        "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/",
        "80b66c92d79d4310e07fb60a297bf0d1",
    ),
}
"""The weights of each base model that dslite knows."""


def find_weights(backbone: str, folder: Path | None = None) -> Path | None:
    """The file with a base model's ImageNet weights, if it is on this machine.

    Args:
        backbone: a key of :data:`WEIGHTS_FILES`.
        folder: a user's folder, looked at first; then comes Keras' cache (``$KERAS_HOME`` or ``~/.keras``).
    """
    name = WEIGHTS_FILES[backbone].file
    return next((place / name for place in (folder, _cache()) if place and (place / name).is_file()), None)


def fetch_weights(backbone: str) -> Path | None:
    """Downloads a base model's ImageNet weights into Keras' cache, whole and with the right checksum or not at all.

    Returns:
        The file; None where it cannot be had (no network, no answer within 5 s, another file than expected).
    """
    wanted = WEIGHTS_FILES[backbone]
    place = _cache() / wanted.file
    try:
        with urllib.request.urlopen(wanted.url + wanted.file, timeout=5) as answer, whole_file(place) as draft:
            content = answer.read()
            if wanted.md5 and hashlib.md5(content, usedforsecurity=False).hexdigest() != wanted.md5:
                raise OSError(f"{wanted.file} is not the file that was expected")
            draft.write_bytes(content)
    except OSError:  # urllib's errors are; each of them ends in random weights, which is said on every page
        return None
    return place


def digest(file: Path | None) -> str | None:
    """What identifies a file of weights: the start of its SHA-256; None for none."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file else None


def _cache() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
