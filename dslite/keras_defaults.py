"""Keras with its own defaults, whatever ``~/.keras/keras.json`` says: every module takes ``keras``, ``tf`` from here.

What TensorFlow says when it is loaded, whatever the level, and when it traces graphs, level 0 alone lets through.
"""

import os
from collections.abc import Callable

os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # or the first process takes a GPU's memory for itself
_stderr, _silent = os.dup(2), os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "0"
try:
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno() if _silent else _stderr, 2)
    import keras
    import tensorflow as tf
finally:
    os.dup2(_stderr, 2)
    os.close(_stderr)

tf.get_logger().setLevel("ERROR" if _silent else "WARNING")
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")


def graph(function: Callable, *signature: tf.TensorSpec):
    """A function of tensors as a graph, traced once for all sizes of a signature.

    Not rewritten first, as TensorFlow would ("autograph"), since none here branches or loops on a tensor: that costs a
    process that trains 1 s, and changes no value.
    """
    return tf.function(function, input_signature=signature, autograph=False)


def use_threads(number: int) -> None:
    """Has this process compute one operation at a time, each with so many threads; only before the first of them."""
    tf.config.threading.set_intra_op_parallelism_threads(number)
    tf.config.threading.set_inter_op_parallelism_threads(1)
