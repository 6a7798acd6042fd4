"""Frame size and normalisation of a Hugging Face model, from the config of its processor.

transformers' own processors need torchvision. Their configs are plain JSON, so only the arithmetic
is repeated here. `FrameGeometry` does the interpolation.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from sklearn_m3s.backbones._spec import RGB
from sklearn_m3s.exceptions import WeightsError
from sklearn_m3s.video import FrameGeometry

_STANDARD = {"image_mean": 0.5, "image_std": 0.5}
_IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
_OPENAI = {
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
_STRETCH = {"size": {"height": 224, "width": 224}}
_CUT = {"size": {"shortest_edge": 224}, "do_center_crop": True, "crop_size": 224}

# Defaults of the processors of transformers, for keys that a config leaves out.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "": {"size": {}},  # configs from before processors had names
    "Beit": _STRETCH | _STANDARD | {"crop_size": 224},
    "Bit": _CUT | _OPENAI,
    "CLIP": _CUT | _OPENAI,
    "ConvNext": _STANDARD | {"size": {"shortest_edge": 384}, "crop_pct": 224 / 256},
    "DINOv3ViT": _STRETCH | _IMAGENET,
    "DeiT": _CUT | _STANDARD | {"size": {"height": 256, "width": 256}},
    "Siglip": _STRETCH | _STANDARD,
    "Timesformer": _CUT | _IMAGENET,
    "VJEPA2": _CUT | _IMAGENET | {"crop_size": 256},
    "ViT": _STRETCH | _STANDARD,
    "VideoMAE": _CUT | _STANDARD,
    "Vivit": _CUT
    | _STANDARD
    | {"size": {"shortest_edge": 256}, "rescale_factor": 1 / 127.5, "offset": True},
}
_TYPES = ("video_processor_type", "image_processor_type", "feature_extractor_type")


class Pictures(NamedTuple):
    """The pictures that a model takes, as in `NetworkSpec`."""

    geometry: FrameGeometry | None = None
    mean: RGB | None = None
    std: RGB | None = None
    unknown: str | None = None


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or raise a `WeightsError` that names the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read: {error}. Fetch or save it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} is not a JSON object. Fetch or save it again")
    return content


def read_pictures(folder: Path, kind: str) -> Pictures:
    """Return the images or clips that the processor's config in a folder describes."""
    path, config = _find(folder, kind)
    if config is None:
        return Pictures(unknown=f"{path} does not exist")
    named = next((config[key] for key in _TYPES if config.get(key)), "")
    name = re.sub("(FeatureExtractor|(Image|Video)Processor)(Fast|Pil)?$", "", named)
    if name not in _DEFAULTS:
        return Pictures(unknown=f"{path} is the config of a {named}, which is not supported")
    config = _DEFAULTS[name] | {key: value for key, value in config.items() if value is not None}
    geometry, (mean, std) = _geometry(name, config), _normalisation(config)
    unknown = None
    if geometry is None:
        unknown = f"{path} does not bring every frame to one size by a single resize and a cut"
    elif mean is None:
        unknown = f"{path} has no image_mean and image_std"
    return Pictures(geometry, mean, std, unknown)


def _find(folder: Path, kind: str) -> tuple[Path, dict[str, Any] | None]:
    """Return the file of the config that transformers would take, and its content.

    Configs of video processors count for clips only.
    """
    nested = folder / "processor_config.json"
    if nested.is_file():
        content = read_json(nested)
        # For images, the slice leaves the first name out.
        for key in ("video_processor", "image_processor")[kind == "image" :]:
            if key in content:
                return nested, content[key]
    for name in ("video_preprocessor_config.json", "preprocessor_config.json")[kind == "image" :]:
        if (folder / name).is_file():
            return folder / name, read_json(folder / name)
    return folder / "preprocessor_config.json", None


def _geometry(name: str, config: dict[str, Any]) -> FrameGeometry | None:
    """Return the resize and the cut, or None if the config describes other steps."""
    cuts = config.get("do_center_crop", False)
    # A size that is one number is a square for some processors, and the shorter side for others.
    stretches = "height" in _DEFAULTS[name]["size"] or (not name and not cuts)
    size = _sides(config["size"], square=stretches)
    crop = _sides(config.get("crop_size", {}), square=True) if cuts else size
    edge = size.get("shortest_edge")
    if not config.get("do_resize", True) or "longest_edge" in size:
        return None
    if name == "ConvNext" and edge is not None:
        # The rule of ConvNextImageProcessor.
        if edge >= 384:
            return FrameGeometry.square(edge)
        return FrameGeometry(edge, edge, shortest_edge=int(edge / config["crop_pct"]))
    if not {"height", "width"} <= set(crop):
        return None
    height, width = crop["height"], crop["width"]
    if name == "VJEPA2":  # its processor ignores the size in the config
        edge = int(height * 256 / 224)
    if edge is None:
        return FrameGeometry(height, width) if size == crop else None
    # transformers pads with black if the cut is larger than the frame, which is not supported here.
    return FrameGeometry(height, width, edge) if max(height, width) <= edge else None


def _sides(size: Any, square: bool) -> dict[str, int]:
    """Return a size as a dict. Older configs have a number or a list."""
    if isinstance(size, int):
        return {"height": size, "width": size} if square else {"shortest_edge": size}
    if isinstance(size, list | tuple):
        return {"height": size[0], "width": size[1]}
    return {key: value for key, value in size.items() if value is not None}


def _normalisation(config: dict[str, Any]) -> tuple[RGB, RGB] | tuple[None, None]:
    """Return mean and standard deviation of RGB in [0, 1], including the processor's rescaling."""
    rescales = config.get("do_rescale", True)
    scale = 255 * config.get("rescale_factor", 1 / 255) if rescales else 255.0
    offset = 1.0 if rescales and config.get("offset") else 0.0
    mean, std = config.get("image_mean"), config.get("image_std")
    if not config.get("do_normalize", True):
        mean, std = 0.0, 1.0
    if mean is None or std is None:
        return None, None
    # ((255 x factor - offset) - mean) / std, written as (x - a) / b.
    return _rgb(mean, offset, scale), _rgb(std, 0.0, scale)


def _rgb(value: Any, offset: float, scale: float) -> RGB:
    values = [value] * 3 if isinstance(value, int | float) else value
    red, green, blue = ((number + offset) / scale for number in values)
    return red, green, blue
