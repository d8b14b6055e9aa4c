"""MobileNet (Howard et al., 2017): 86 layers, 3,228,864 parameters."""

from dslite.backbones import KERAS, BaseModel, application

BASE_MODEL = BaseModel(
    title="MobileNet",
    build=application("MobileNet"),
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    released_mask=(0.0,) * 3,
    file="mobilenet_1_0_224_tf_no_top.h5",
    url=KERAS + "mobilenet/",
    seconds=0.015,
)
