"""A fit's model becomes one TFLite graph: waveform in, probabilities out (paper, section 2.2; ledger F-26)."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import absl.logging

from dslite.deployment.container import Card
from dslite.keras_defaults import graph, keras, tf
from dslite.tasks import CLASSIFICATION, REGRESSION, outputs


def convert(model: keras.Model, samples: int, sparse: bool = False) -> bytes:
    """Converts to float32, builtin operators only.

    The signature ``serving_default`` takes ``waveform``, float32 (1, samples), and gives ``probabilities``, float32
    (1, classes), or ``value``, float32 (1, 1), where labels are numbers. The detour through a saved model keeps these
    names; of the shorter ways some give models full of NaN.

    Args:
        model: what :func:`dslite.model.assemble` made.
        samples: length of the waveform, fixed in the file.
        sparse: whether weights that are 0 are left out of the file; LiteRT fills them in when it loads it.
    """
    module = tf.Module()
    # All that is to be saved; Keras traces twice as much.
    module.kept = [variable.value for variable in model.variables]
    task = CLASSIFICATION if isinstance(model.layers[-1], keras.layers.Softmax) else REGRESSION
    given = tf.TensorSpec([1, samples], tf.float32, name="waveform")
    module.serve = graph(lambda waveform: {task.output: model(waveform, training=False)}, given)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY] if sparse else []
        return converter.convert()


def card(model: keras.Model, classes, samples: int, variant: str, about: dict) -> Card:
    """The card of a variant (:class:`dslite.deployment.container.Card`)."""
    front_end = model.get_layer("plot").parameters
    return Card(outputs(classes), samples, front_end.rate, variant, asdict(front_end), about)


def saved_sizes(model: keras.Model, trained) -> dict[str, int]:
    """Bytes of the model as HDF5, as the paper weighed it (Table 5; ledger F-30).

    Args:
        model: the model; it gets an optimiser.
        trained: the variables that were trained; AdaDelta keeps two values beside each of their weights.

    Returns:
        ``without`` and ``with`` the optimiser's state.
    """
    sizes = {}
    before = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)  # Keras calls HDF5 a legacy, which is why it is weighed
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.h5"
        for name, optimiser in (("without", None), ("with", keras.optimizers.Adadelta())):
            if optimiser:
                optimiser.build(trained)
                model.compile(optimizer=optimiser)
            model.save(file, include_optimizer=optimiser is not None)
            sizes[name] = file.stat().st_size
    absl.logging.set_verbosity(before)
    return sizes
