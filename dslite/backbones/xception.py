"""Xception (Chollet, 2017): 132 layers, 20,861,480 parameters."""

from dslite.backbones import from_minus_one_to_one

BASE_MODEL = from_minus_one_to_one(
    "Xception",
    "xception",
    "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
    title="Xception",
    seconds=0.1,
    md5="b0042744bf5b25fce3cb969f33bebb97",
)
