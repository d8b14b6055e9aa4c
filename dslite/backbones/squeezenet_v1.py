"""SqueezeNet v1.1 (Iandola et al., 2016) without its classifier: 62 layers, 722,496 parameters."""

from pathlib import Path

from dslite.backbones import MODES, SIZE, BaseModel


def _build():
    from dslite.keras_defaults import keras

    layers = keras.layers

    def conv(x, filters, size, name, gain=2.0, **options):
        spread = keras.initializers.VarianceScaling(gain)
        x = layers.Conv2D(filters, size, kernel_initializer=spread, name=name, **options)(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    def fire(x, squeeze, expand, name):
        x = conv(x, squeeze, 1, f"{name}_squeeze1x1")
        wide = [conv(x, expand, size, f"{name}_expand{size}x{size}", padding="same") for size in (1, 3)]
        return layers.Concatenate(name=f"{name}_concat")(wide)

    inputs = keras.Input((SIZE, SIZE, 3))
    # He's initialisation (gain 2) keeps the scale of its input; the pictures' own is about 64, not 1.
    x = conv(inputs, 64, 3, "conv1", gain=2.0 / 64**2, strides=2)
    for stage, fires in enumerate([[(2, 16, 64), (3, 16, 64)], [(4, 32, 128), (5, 32, 128)],
                                   [(6, 48, 192), (7, 48, 192), (8, 64, 256), (9, 64, 256)]]):  # fmt: skip
        x = layers.MaxPooling2D(3, 2, name=f"pool{(1, 3, 5)[stage]}")(x)
        for number, squeeze, expand in fires:
            x = fire(x, squeeze, expand, f"fire{number}")
    return keras.Model(inputs, x, name="squeezenet_v1")


def _load(model, file: Path) -> None:
    import h5py

    # The legacy file names layers with "/", which Keras refuses, and its kernels "uniformN"; so it is read by hand.
    with h5py.File(file) as stored:
        for layer in model.layers:
            if not layer.weights:
                continue
            of_layer = stored[layer.name.replace("_", "/", 1)]
            kernel, bias = (of_layer[name][()] for name in of_layer.attrs["weight_names"])
            if layer.name == "conv1":
                kernel = kernel[:, :, ::-1]  # the file was trained on BGR; turned once here, pictures stay RGB
            layer.set_weights([kernel, bias])


BASE_MODEL = BaseModel(
    title="SqueezeNet v1.1",
    build=_build,
    **MODES["caffe"] | {"load": _load},
    file="squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url="https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/",
    md5="80b66c92d79d4310e07fb60a297bf0d1",  # of the file which the authors' framework asks for
    seconds=0.0065,
)
