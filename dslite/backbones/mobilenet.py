"""MobileNet (Howard et al., 2017): 86 layers, 3,228,864 parameters."""

from dslite.backbones import from_minus_one_to_one

BASE_MODEL = from_minus_one_to_one(
    "MobileNet",
    "mobilenet",
    "mobilenet_1_0_224_tf_no_top.h5",
    title="MobileNet",
    seconds=0.015,
)
