"""Inception-ResNet v2 (Szegedy et al., 2017): 780 layers, 54,336,736 parameters."""

from dslite.backbones import application

BASE_MODEL = application(
    "InceptionResNetV2",
    "inception_resnet_v2",
    "tf",
    title="Inception-ResNet v2",
    seconds=0.17,
    file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    md5="d19885ff4a710c122648d3b5c3b684e4",
)
