"""Inception v3 (Szegedy et al., 2016): 311 layers, 21,802,784 parameters."""

from dslite.backbones import application

BASE_MODEL = application(
    "InceptionV3",
    "inception_v3",
    "tf",
    title="Inception v3",
    seconds=0.054,
    file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    md5="bcbd6486424b2319ff4ef7d526e38f63",
)
