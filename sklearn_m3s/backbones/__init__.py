"""From frames to embeddings: the networks, their weights, and inference, in plain torch."""

from sklearn_m3s._device import check_device
from sklearn_m3s.backbones._build import hrnetv2_w48, ip_csn_152, ir_csn_152
from sklearn_m3s.backbones._embed import backbone_signature, load_backbone
from sklearn_m3s.backbones._weights import resolve_weights

__all__ = [
    "backbone_signature",
    "check_device",
    "hrnetv2_w48",
    "ip_csn_152",
    "ir_csn_152",
    "load_backbone",
    "resolve_weights",
]
