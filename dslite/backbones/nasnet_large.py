"""NASNet Large (Zoph et al., 2018): 1039 layers, 84,916,818 parameters."""

from dslite.backbones import KERAS, BaseModel, application

BASE_MODEL = BaseModel(
    title="NASNet Large",
    build=application("NASNetLarge"),
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    released_mask=(0.0,) * 3,
    file="NASNet-large-no-top.h5",  # as published; Keras' own download is called nasnet_large_no_top.h5
    url=KERAS + "nasnet/",
    md5="d81d89dc07e6e56530c4e77faddd61b5",
    seconds=0.35,
)
