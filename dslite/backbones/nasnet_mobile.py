"""NASNet Mobile (Zoph et al., 2018): 769 layers, 4,269,716 parameters."""

from dslite.backbones import from_minus_one_to_one

BASE_MODEL = from_minus_one_to_one(
    "NASNetMobile",
    "nasnet",
    "NASNet-mobile-no-top.h5",  # as published; Keras' own download is called nasnet_mobile_no_top.h5
    title="NASNet Mobile",
    seconds=0.031,
    md5="1ed92395b5b598bdda52abe5c0dbfd63",
)
