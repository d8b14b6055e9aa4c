"""Xception (Chollet, 2017): 132 layers, 20,861,480 parameters."""

from dslite.backbones import application

BASE_MODEL = application("Xception", "xception", "tf", seconds=0.1, md5="b0042744bf5b25fce3cb969f33bebb97")
