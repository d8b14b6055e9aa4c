"""Inception v3 (Szegedy et al., 2016): 311 layers, 21,802,784 parameters."""

from dslite.backbones import KERAS, BaseModel, application

BASE_MODEL = BaseModel(
    title="Inception v3",
    build=application("InceptionV3"),
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    released_mask=(0.0,) * 3,
    file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url=KERAS + "inception_v3/",
    md5="bcbd6486424b2319ff4ef7d526e38f63",
    seconds=0.054,
)
