"""VGG16 (Simonyan and Zisserman, 2015): 19 layers, 14,714,688 parameters, trained on BGR."""

from dslite.backbones import application

BASE_MODEL = application(  # its mask has no colour of its own in the released code (ledger F-09)
    "VGG16", "vgg16", "caffe", seconds=0.23, md5="6d6bbae143d832006294945121d1f1fc", released_mask=(0.5,) * 3
)
