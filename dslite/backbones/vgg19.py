"""VGG19 (Simonyan and Zisserman, 2015): 22 layers, 20,024,384 parameters, trained on BGR."""

from dslite.backbones import application

BASE_MODEL = application(  # its mask has no colour of its own in the released code (ledger F-09)
    "VGG19", "vgg19", "caffe", seconds=0.32, md5="253f8cb515780f3b799900260a226db6", released_mask=(0.5,) * 3
)
