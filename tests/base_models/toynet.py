"""A network of two layers, which is built and traced in a fraction of a second."""

from dslite.backbones import SIZE, BaseModel


def _build():
    import keras

    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 8, strides=8, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(16, 3, strides=2, activation="relu")(x), name="toynet")


BASE_MODEL = BaseModel(
    title="Toy network",
    build=_build,
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    file="toynet.h5",
    url="http://127.0.0.1:9/",
    seconds=0.001,
)
