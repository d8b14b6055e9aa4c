"""NASNet Large (Zoph et al., 2018): 1039 layers, 84,916,818 parameters."""

from dslite.backbones import application

BASE_MODEL = application(
    "NASNetLarge",
    "nasnet",
    "tf",
    title="NASNet Large",
    seconds=0.35,
    file="NASNet-large-no-top.h5",  # as published; Keras' own download is called nasnet_large_no_top.h5
    md5="d81d89dc07e6e56530c4e77faddd61b5",
)
