"""ResNet50 (He et al., 2016): 175 layers, 23,587,712 parameters, trained on BGR."""

from dslite.backbones import application

BASE_MODEL = application("ResNet50", "resnet", "caffe", seconds=0.12, md5="4d473c1dd8becc155b73f8504c6f6626")
