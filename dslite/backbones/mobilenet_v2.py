"""MobileNetV2 (Sandler et al., 2018): 154 layers, 2,257,984 parameters."""

from dslite.backbones import from_minus_one_to_one

BASE_MODEL = from_minus_one_to_one(
    "MobileNetV2",
    "mobilenet_v2",
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    title="MobileNetV2",
    seconds=0.013,
)
