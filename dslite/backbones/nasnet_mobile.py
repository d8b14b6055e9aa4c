"""NASNet Mobile (Zoph et al., 2018): 769 layers, 4,269,716 parameters."""

from dslite.backbones import KERAS, BaseModel, application

BASE_MODEL = BaseModel(
    title="NASNet Mobile",
    build=application("NASNetMobile"),
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    released_mask=(0.0,) * 3,
    file="NASNet-mobile-no-top.h5",  # as published; Keras' own download is called nasnet_mobile_no_top.h5
    url=KERAS + "nasnet/",
    md5="1ed92395b5b598bdda52abe5c0dbfd63",
    seconds=0.031,
)
