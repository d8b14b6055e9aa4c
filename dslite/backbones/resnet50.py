"""ResNet50 (He et al., 2016): 175 layers, 23,587,712 parameters, trained on BGR."""

from dataclasses import replace

from dslite.backbones import KERAS, application, vgg16

BASE_MODEL = replace(
    vgg16.BASE_MODEL,
    title="ResNet50",
    build=application("ResNet50"),
    released_mask=vgg16.CAFFE_MEAN,
    file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url=KERAS + "resnet/",
    md5="4d473c1dd8becc155b73f8504c6f6626",
    seconds=0.12,
)
