"""MobileNetV2 (Sandler et al., 2018): 154 layers, 2,257,984 parameters."""

from dslite.backbones import KERAS, BaseModel, application

BASE_MODEL = BaseModel(
    title="MobileNetV2",
    build=application("MobileNetV2"),
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    released_mask=(0.0,) * 3,
    file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    url=KERAS + "mobilenet_v2/",
    seconds=0.013,
)
