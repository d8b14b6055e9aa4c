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


def _load_turned(model: "keras.Model", file: Path) -> None:
    """Turns the first kernel from BGR to RGB once, so that pictures stay RGB."""
    model.load_weights(file)
    first = next(layer for layer in model.layers if layer.weights)
    kernel, *bias = first.get_weights()
    first.set_weights([kernel[:, :, ::-1], *bias])


_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB: what the networks that came from Caffe, trained on BGR, subtract

_TORCH_SCALE = tuple(1 / (255 * d) for d in _DEVIATION)
_TORCH_OFFSET = tuple(-m / d for m, d in zip(_MEAN, _DEVIATION, strict=True))
MODES: dict[str, dict] = {
    "tf": {"scale": (1 / 127.5,) * 3, "offset": (-1.0,) * 3, "released_mask": (0.0,) * 3},
    "torch": {"scale": _TORCH_SCALE, "offset": _TORCH_OFFSET, "released_mask": _MEAN},
    "caffe": {
        "scale": (1.0,) * 3,
        "offset": tuple(-m for m in _CAFFE_MEAN),
        "released_mask": _CAFFE_MEAN,
        "load": _load_turned,
    },
}
"""Ways of normalisation, as in :func:`application` -> fields of :class:`BaseModel`."""


def application(name: str, folder: str, mode: str, seconds: float, options: dict | None = None, **more) -> BaseModel:
    """One of Keras' own networks.

    Args:
        name: in ``keras.applications``, e.g. ``"DenseNet121"``; its title, and the beginning of its file's name, if no
            other ``title`` or ``file`` is given.
        folder: below :data:`KERAS`.
        mode: of normalisation, named as in ``keras.applications.imagenet_utils``: ``tf`` to [-1, 1], ``torch`` by
            ImageNet's mean and deviation, ``caffe`` without its mean.
        seconds: as in :class:`BaseModel`.
        options: of Keras' function.
        more: fields that are otherwise.
    """

    def build():
        from dslite.keras_defaults import keras

        make = getattr(keras.applications, name)
        return make(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), **options or {})

    usual = {"title": name, "file": f"{name.lower()}_weights_tf_dim_ordering_tf_kernels_notop.h5", **MODES[mode]}
    return BaseModel(build=build, url=f"{KERAS}{folder}/", seconds=seconds, **usual | more)


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
