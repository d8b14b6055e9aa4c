"""MobileNetV3 Small (Howard et al., 2019): 156 layers, 939,120 parameters. Not on the released code's list."""

from dslite.backbones import KERAS, SIZE, BaseModel


def _build():
    from dslite.keras_defaults import keras

    shape = (SIZE, SIZE, 3)
    return keras.applications.MobileNetV3Small(shape, include_top=False, weights=None, include_preprocessing=False)


BASE_MODEL = BaseModel(
    title="MobileNetV3 Small",
    build=_build,
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    file="weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    url=KERAS + "mobilenet_v3/",
    md5="d3e8ec802a04aa4fc771ee12a9a9b836",
    seconds=0.0044,
)
