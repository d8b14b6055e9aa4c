"""MobileNet (Howard et al., 2017): 86 layers, 3,228,864 parameters."""

from dslite.backbones import application

BASE_MODEL = application("MobileNet", "mobilenet", "tf", seconds=0.015, file="mobilenet_1_0_224_tf_no_top.h5")
