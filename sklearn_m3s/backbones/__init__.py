"""Networks from frames or clips to features, their weights, and inference."""

from sklearn_m3s._device import resolve_device
from sklearn_m3s.backbones._build import efficientnet_lite0, hrnetv2_w48, ip_csn_152, ir_csn_152
from sklearn_m3s.backbones._network import Network as Network
from sklearn_m3s.backbones._network import NetworkSettings as NetworkSettings
from sklearn_m3s.backbones._network import load_network as load_network
from sklearn_m3s.backbones._resolve import resolve_network as resolve_network
from sklearn_m3s.backbones._spec import NetworkSpec as NetworkSpec
from sklearn_m3s.backbones._weights import find_weights, resolve_weights
from sklearn_m3s.backbones._weights import known_weights as known_weights

# The tiers use the other names; they may change.
__all__ = [
    "efficientnet_lite0",
    "find_weights",
    "hrnetv2_w48",
    "ip_csn_152",
    "ir_csn_152",
    "resolve_device",
    "resolve_weights",
]
