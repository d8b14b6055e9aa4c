"""NASNet Mobile (Zoph et al., 2018): 769 layers, 4,269,716 parameters."""

from dslite.backbones import application

BASE_MODEL = application(
    "NASNetMobile",
    "nasnet",
    "tf",
    title="NASNet Mobile",
    seconds=0.031,
    file="NASNet-mobile-no-top.h5",  # as published; Keras' own download is called nasnet_mobile_no_top.h5
    md5="1ed92395b5b598bdda52abe5c0dbfd63",
)
