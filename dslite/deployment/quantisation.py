"""The variants of one exported model. The CNN is quantised, the head unless it standardises, the front end never.

In int8 the Mel matrix and the dB scale lose what the picture shows, and in float16 the floor under the logarithm
becomes zero. TensorFlow's own switches act on the whole graph; so the float32 file is converted once and
ai-edge-quantizer rewrites the weights of chosen operators in it.
"""

import contextlib
import io
import warnings
from dataclasses import dataclass

import numpy as np
from ai_edge_quantizer import algorithm_manager, qtyping, quantizer

from dslite.deployment.container import Content
from dslite.deployment.runtime import untold

_HEAD = qtyping.TFLOperationName.FULLY_CONNECTED
_OPERATORS = (
    (qtyping.TFLOperationName.CONV_2D, ".*"),
    (qtyping.TFLOperationName.DEPTHWISE_CONV_2D, ".*"),
    (_HEAD, "/head"),  # the front end's Mel matrix is one as well
)
"""Operators whose weights are quantised, with a pattern for the name of what they put out."""


@dataclass(frozen=True)
class Variant:
    """A way to store and compute the CNN.

    Attributes:
        title: its name for readers.
        weight_bytes: bytes per weight of a convolution.
    """

    title: str
    weight_bytes: int


VARIANTS: dict[str, Variant] = {
    "float32": Variant("float32", 4),
    "float16": Variant("float16 weights", 2),
    "dynamic-int8": Variant("dynamic-range int8", 1),
    "int8": Variant("full int8 convolutions", 1),
}
"""The variants by name; the front end is float32 in all of them."""


def quantise(float32: Content, variant: str, calibration: np.ndarray, head: bool = True) -> bytes:
    """Makes a variant of an exported model.

    Args:
        float32: what :func:`dslite.deployment.conversion.convert` returned.
        variant: a name of :data:`VARIANTS`.
        calibration: float32 (n, samples), training chunks that show ``int8`` the range of every activation.
        head: whether the head is quantised too. One that standardises must not be: what scales a feature that is nearly
            constant, 10^5 and more, becomes one with its weights, and beside that range all others round to 0.

    Returns:
        The content of the variant's file, without a card.
    """
    if variant == "float32":
        return bytes(float32)
    work = quantizer.Quantizer(bytearray(float32))
    for operator, pattern in _OPERATORS if head else _OPERATORS[:-1]:
        if variant == "float16":
            weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
            config = qtyping.OpQuantizationConfig(
                weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT
            )
            casting = algorithm_manager.AlgorithmName.FLOAT_CASTING
            work.update_quantization_recipe(pattern, operator, config, casting)
        elif variant == "int8" and operator != _HEAD:
            work.add_static_config(pattern, operator, activation_num_bits=8, weight_num_bits=8)
        else:
            # The head of "int8" too: with fixed ranges for its few activations, decisions on real clips agreed with
            # Keras on 92 % instead of 96 %; and it takes no time.
            work.add_dynamic_config(pattern, operator, num_bits=8)
    with untold(), _quiet():
        seen = None
        if work.need_calibration:
            clips = [{"waveform": chunk[None]} for chunk in calibration]
            seen = work.calibrate({"serving_default": clips}, num_threads=1)
        return bytes(work.quantize(seen).quantized_model)


@contextlib.contextmanager
def _quiet():
    # The quantiser reports sizes and progress on both streams, whatever its caller wants.
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        yield
