"""DenseNet169 (Huang et al., 2017): 595 layers, 12,642,880 parameters."""

from dslite.backbones import application

BASE_MODEL = application("DenseNet169", "densenet", "torch", seconds=0.12, md5="b8c4d4c20dd625c148057b9ff1c1176b")
