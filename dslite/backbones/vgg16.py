"""VGG16 (Simonyan and Zisserman, 2015): 19 layers, 14,714,688 parameters, trained on BGR."""

from dslite.backbones import KERAS, BaseModel, application

CAFFE_MEAN = (123.68, 116.779, 103.939)
"""RGB: what the networks that came from Caffe subtract."""


def _load(model, file) -> None:
    """Turns the first kernel from BGR to RGB once, so that pictures stay RGB."""
    model.load_weights(file)
    first = next(layer for layer in model.layers if layer.weights)
    kernel, *bias = first.get_weights()
    first.set_weights([kernel[:, :, ::-1], *bias])


BASE_MODEL = BaseModel(  # its mask has no colour of its own in the released code, nor has VGG19's (ledger F-09)
    title="VGG16",
    build=application("VGG16"),
    load=_load,
    scale=(1.0,) * 3,
    offset=tuple(-m for m in CAFFE_MEAN),
    file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url=KERAS + "vgg16/",
    md5="6d6bbae143d832006294945121d1f1fc",
    seconds=0.23,
)
