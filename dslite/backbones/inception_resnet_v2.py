"""Inception-ResNet v2 (Szegedy et al., 2017): 780 layers, 54,336,736 parameters."""

from dslite.backbones import from_minus_one_to_one

BASE_MODEL = from_minus_one_to_one(
    "InceptionResNetV2",
    "inception_resnet_v2",
    "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    title="Inception-ResNet v2",
    seconds=0.17,
    md5="d19885ff4a710c122648d3b5c3b684e4",
)
