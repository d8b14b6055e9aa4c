"""The base models: image CNNs without their top, pre-trained on ImageNet (paper, sections 2.1 and 5).

Each is a module of this folder, named as users name it, with one ``BASE_MODEL``; nothing else lists them. The modules
import Keras only when a model is built, so that asking which there are costs nothing.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dslite.errors import DsliteError

if TYPE_CHECKING:
    from dslite.keras_defaults import keras

SIZE = 224
"""Height and width of the pictures in pixels."""

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
"""Where Keras publishes weights."""


@dataclass(frozen=True)
class BaseModel:
    """All that is to be said of one base model.

    Attributes:
        title: its name for readers.
        build: () -> the network with random weights: (batch, 224, 224, 3) normalised pictures -> (batch, rows,
            columns, width).
        scale, offset: its own normalisation: ``picture * scale + offset`` for RGB in 0-255, per channel.
        file: ImageNet weights without the classification layer: the name as published, and in Keras' cache.
        url: the folder that the file is published in; empty where a package carries it.
        package: the installed Python package that carries the file, in its folder ``models``; empty for none.
        seconds: per picture and thread through the frozen network, measured on a common server core; for estimates.
        md5: the file's checksum; empty where the publisher gives none.
        released_mask: what the released code lays over masked pixels, as RGB after the normalisation (ledger F-09); as
            it is, for base models that are not on its list.
        load: (network, file) puts the file's weights into the network.
    """

    title: str
    build: Callable[[], "keras.Model"]
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    file: str
    seconds: float
    url: str = ""
    package: str = ""
    md5: str = ""
    released_mask: tuple[float, float, float] = (0.5, 0.5, 0.5)
    load: Callable[["keras.Model", Path], None] = lambda model, file: model.load_weights(file)


def application(name: str, **more) -> Callable[[], "keras.Model"]:
    """How to build one of Keras' own networks, e.g. ``"DenseNet121"``; for :attr:`BaseModel.build`."""

    def build():
        from dslite.keras_defaults import keras

        return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), **more)

    return build


def from_minus_one_to_one(name: str, folder: str, file: str, title: str, seconds: float, **more) -> BaseModel:
    """One of the many networks of Keras' own that take pictures in [-1, 1]; ``more`` are fields that are otherwise.

    The released code lays 0 over their masked pixels (ledger F-09).
    """
    own = {"build": application(name), "released_mask": (0.0,) * 3} | more
    scaled = {"scale": (1 / 127.5,) * 3, "offset": (-1.0,) * 3}
    return BaseModel(title=title, file=file, url=f"{KERAS}{folder}/", seconds=seconds, **scaled, **own)


def names() -> list[str]:
    """The base models that there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def base_model(name: str) -> BaseModel:
    """The entry of one of :func:`names`; no other is imported.

    Raises:
        DsliteError: for an unknown name.
    """
    if name not in names():
        raise DsliteError(f"The base model {name!r} is not one of {', '.join(names())}.")
    return import_module(f"dslite.backbones.{name}").BASE_MODEL


def title(name: str) -> str:
    """A base model's name for readers; a name that is not known stays as it is."""
    return base_model(name).title if name in names() else name
