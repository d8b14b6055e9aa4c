"""Inception-ResNet v2 (Szegedy et al., 2017): 780 layers, 54,336,736 parameters."""

from dslite.backbones import KERAS, BaseModel, application

BASE_MODEL = BaseModel(
    title="Inception-ResNet v2",
    build=application("InceptionResNetV2"),
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    released_mask=(0.0,) * 3,
    file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url=KERAS + "inception_resnet_v2/",
    md5="d19885ff4a710c122648d3b5c3b684e4",
    seconds=0.17,
)
