"""VGG19 (Simonyan and Zisserman, 2015): 22 layers, 20,024,384 parameters, trained on BGR."""

from dataclasses import replace

from dslite.backbones import KERAS, application, vgg16

BASE_MODEL = replace(
    vgg16.BASE_MODEL,
    title="VGG19",
    build=application("VGG19"),
    file="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url=KERAS + "vgg19/",
    md5="253f8cb515780f3b799900260a226db6",
    seconds=0.32,
)
