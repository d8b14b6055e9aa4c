"""Xception (Chollet, 2017): 132 layers, 20,861,480 parameters."""

from dslite.backbones import KERAS, BaseModel, application

BASE_MODEL = BaseModel(
    title="Xception",
    build=application("Xception"),
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    released_mask=(0.0,) * 3,
    file="xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url=KERAS + "xception/",
    md5="b0042744bf5b25fce3cb969f33bebb97",
    seconds=0.1,
)
