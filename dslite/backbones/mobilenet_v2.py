"""MobileNetV2 (Sandler et al., 2018): 154 layers, 2,257,984 parameters."""

from dslite.backbones import application

BASE_MODEL = application(
    "MobileNetV2",
    "mobilenet_v2",
    "tf",
    seconds=0.013,
    file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
)
