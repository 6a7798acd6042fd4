"""What there is, as data: the architectures, and the weight files known for each."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import nn

from sklearn_m3s.backbones._csn import CSN
from sklearn_m3s.backbones._hrnet import HRNetV2


class Architecture(NamedTuple):
    """How to build a network and feed it."""

    network: Callable[[], nn.Module]
    n_features: int
    axes: str  # of the frames it reads
    mean: tuple[float, ...]  # of RGB in [0, 1], as are the standard deviations
    std: tuple[float, ...]
    heads: tuple[str, ...]  # modules of published files that come after the features


class WeightsFile(NamedTuple):
    """Where a weight file comes from, and what is known of it."""

    file: str  # its name in the weight folder and on a mirror
    url: str
    sha256: str = ""  # the first digits, as many as are known
    size: int | None = None  # bytes


_IP_CSN_152 = Architecture(
    network=partial(CSN, interaction=True),
    n_features=2048,
    axes="NTHWC",
    mean=(0.43216, 0.394666, 0.37645),
    std=(0.22803, 0.22145, 0.216989),
    heads=("fc", "cls_head"),
)

ARCHITECTURES = {
    "hrnetv2_w48": Architecture(
        network=HRNetV2,
        n_features=720,
        axes="NHWC",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        heads=("classifier", "downsamp_modules", "final_layer", "incre_modules", "last_layer"),
    ),
    "ip_csn_152": _IP_CSN_152,
    "ir_csn_152": _IP_CSN_152._replace(network=partial(CSN, interaction=False)),
}

_MIT = "http://sceneparsing.csail.mit.edu/model"
_OPENMMLAB = "https://download.openmmlab.com/mmaction"
_IP_CSN = "vmz_ipcsn_ig65m_pretrained_r152_32x2x1_58e_kinetics400_rgb_20210617-c3be9793.pth"
_IR_CSN = "ircsn_ig65m-pretrained-r152-bnfrozen_8xb12-32x2x1-58e_kinetics400-rgb"

WEIGHTS = {
    ("hrnetv2_w48", "ade20k"): WeightsFile(
        file="hrnetv2_w48-ade20k.pth",
        url=f"{_MIT}/pytorch/ade20k-hrnetv2-c1/encoder_epoch_30.pth",
    ),
    ("hrnetv2_w48", "imagenet"): WeightsFile(
        file="hrnetv2_w48-imagenet.safetensors",
        url="https://huggingface.co/timm/hrnet_w48.ms_in1k/resolve/main/model.safetensors",
    ),
    ("hrnetv2_w48", "imagenet-mit"): WeightsFile(
        file="hrnetv2_w48-imagenet-mit.pth",
        url=f"{_MIT}/pretrained_resnet/hrnetv2_w48-imagenet.pth",
    ),
    ("ip_csn_152", "ig65m_kinetics400"): WeightsFile(
        file="ip_csn_152-ig65m_kinetics400.pth",
        url=f"{_OPENMMLAB}/recognition/csn/vmz/{_IP_CSN}",
        sha256="c3be979346a7fb45",
        size=133_006_791,
    ),
    ("ir_csn_152", "ig65m_kinetics400"): WeightsFile(
        file="ir_csn_152-ig65m_kinetics400.pth",
        url=f"{_OPENMMLAB}/v1.0/recognition/csn/{_IR_CSN}/{_IR_CSN}_20220811-7d1dacde.pth",
        sha256="7d1dacde",
    ),
}
