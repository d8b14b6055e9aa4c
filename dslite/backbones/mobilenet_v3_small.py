"""MobileNetV3 Small (Howard et al., 2019): 156 layers, 939,120 parameters. Not on the released code's list."""

from dslite.backbones import application

BASE_MODEL = application(
    "MobileNetV3Small",
    "mobilenet_v3",
    "tf",
    title="MobileNetV3 Small",
    seconds=0.0044,
    file="weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    md5="d3e8ec802a04aa4fc771ee12a9a9b836",
    options={"include_preprocessing": False},
    released_mask=(0.5,) * 3,
)
