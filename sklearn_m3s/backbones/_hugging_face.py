"""Hugging Face networks, loaded by transformers from a folder or a repository."""

import contextlib
import inspect
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from sklearn_m3s._files import PathLike, file_digest
from sklearn_m3s._logging import logger
from sklearn_m3s._optional import import_optional
from sklearn_m3s.backbones._processor_config import read_json, read_pictures
from sklearn_m3s.backbones._spec import NetworkSpec
from sklearn_m3s.backbones._state_dict import not_finite
from sklearn_m3s.exceptions import M3SError, WeightsError

_CONFIG, _WEIGHTS, _INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_FETCHED = [_CONFIG, "*processor_config.json", _WEIGHTS, _INDEX, "model-*.safetensors"]
_PROJECTION = {"visual_projection.weight"}


class _Family(NamedTuple):
    """How a type of model differs from the image models that AutoModel loads."""

    loader: str = "AutoModel"
    frames: str = ""  # the key of config.json for the frames of a clip; none for images
    n_frames: int = 0  # where config.json leaves that key out
    side: str = "image_size"  # the key for the size of a picture
    any_frames: bool = False  # position embeddings fix the number of frames of most
    method: str = "__call__"
    options: tuple[tuple[str, Any], ...] = ()
    one_by_one: bool = False  # takes the frames of all clips as one batch
    unused: tuple[str, ...] = ()  # parts that no feature depends on


_CLIP = _Family("CLIPVisionModelWithProjection")
_META_CLIP_2 = _Family("MetaClip2VisionModelWithProjection")
_X_CLIP = _Family("XCLIPModel", "num_frames", 8)
_FAMILIES = {
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "metaclip_2": _META_CLIP_2,
    "metaclip_2_vision_model": _META_CLIP_2,
    "timesformer": _Family(frames="num_frames", n_frames=8),
    "videomae": _Family(frames="num_frames", n_frames=16),
    "vivit": _Family(frames="num_frames", n_frames=32),
    "vjepa2": _Family(
        frames="frames_per_clip",
        n_frames=64,
        side="crop_size",
        any_frames=True,
        options=(("skip_predictor", True),),
        unused=("predictor",),
    ),
    "xclip": _X_CLIP._replace(
        method="get_video_features",
        unused=("prompts_generator", "text_model", "text_projection"),
    ),
    "xclip_vision_model": _X_CLIP._replace(loader="XCLIPVisionModel", one_by_one=True),
}
_NAFLEX = "takes pictures of any size as patches (NaFlex): use a SigLIP 2 of a fixed size"
_REFUSED = {
    "siglip2": _NAFLEX,
    "siglip2_vision_model": _NAFLEX,
    "vit_mae": "masks patches at random: save its encoder as a ViTModel",
}


def hugging_face_spec(
    model: PathLike, *, revision: str | None = None, output: str = "auto"
) -> NetworkSpec:
    """Return the spec of a Hugging Face network before it is built.

    A folder is only read, without transformers. A repository is fetched to the Hugging Face cache
    if it is not there yet. A revision of None means the main branch, as it is in the cache. If the
    processor's config is missing or not supported, the field `unknown` of the spec says why.

    The network returns the outputs of the model, and `Features` selects one by `output`. A pooled
    output whose weights are missing is left out.
    """
    name = os.fspath(model)
    folder = _find_folder(name, revision)
    config = read_json(folder / _CONFIG)
    model_type = config.get("model_type")
    if model_type in _REFUSED:
        raise WeightsError(f"{name} is a {model_type}, which {_REFUSED[model_type]}")
    family = _FAMILIES.get(str(model_type), _Family())
    vision = config.get("vision_config") or config
    n_frames = (vision.get(family.frames) or family.n_frames) if family.frames else None
    pictures = read_pictures(folder, "clip" if family.frames else "image")
    return NetworkSpec(
        name=name,
        kind="clip" if family.frames else "image",
        build=partial(_build, folder, name, family, output),
        identity=partial(_identity, folder),
        n_frames=n_frames,
        only_frames=None if family.any_frames else n_frames,
        origin="hugging_face",
        **pictures._asdict(),
    )


class HuggingFaceNetwork(nn.Module):
    """A model of transformers that returns its outputs as a dict. Layers keep their names."""

    def __init__(self, model: nn.Module, family: _Family, name: str, *, has_pooler: bool) -> None:
        super().__init__()
        self.model = model
        self.family, self.name, self.has_pooler = family, name, has_pooler
        self.folds_frames = bool(family.frames)  # X-CLIP has one output per frame
        config: Any = model.config
        config = getattr(config, "vision_config", config)
        side = getattr(config, family.side, ())
        self._shape = (side, side) if isinstance(side, int) else tuple(side)
        self._step = config.tubelet_size if family.any_frames else 1
        self._resizes = "interpolate_pos_encoding" in inspect.signature(model.forward).parameters

    def forward(self, pixels: torch.Tensor) -> dict[str, Any]:
        """Return the outputs for pixels of shape (N, 3, H, W) or (N, 3, T, H, W)."""
        if not self.family.frames:
            resizes = self._resizes and pixels.shape[2:] != self._shape
            options = {"interpolate_pos_encoding": True} if resizes else {}
            outputs = self.model(pixels, **options)
        else:
            self._check_clips(*pixels.shape[2:])
            # transformers expects the frames before the channels.
            frames = pixels.transpose(1, 2)
            if self.family.one_by_one:
                frames = frames.flatten(0, 1)
            outputs = getattr(self.model, self.family.method)(frames, **dict(self.family.options))
        return {key: outputs[key] for key in outputs if self.has_pooler or key != "pooler_output"}

    def _check_clips(self, n_frames: int, *shape: int) -> None:
        """Refuse clips whose positions the model would mix up, or whose frames it would drop."""
        if tuple(shape) != self._shape:
            raise M3SError(f"frame_size={tuple(shape)} does not fit {self.name}: use {self._shape}")
        if n_frames % self._step:
            raise M3SError(
                f"n_frames={n_frames} does not fit {self.name}: use a multiple of {self._step}"
            )


def _build(folder: Path, name: str, family: _Family, output: str) -> nn.Module:
    """Load the model of a folder, and check that it has what `output` needs."""
    model, missing = _load(folder, name, family)
    for part in family.unused:
        setattr(model, part, None)
    missing = {key for key in missing if key.split(".")[0] not in family.unused}
    if family in (_CLIP, _META_CLIP_2) and (output != "auto" or missing & _PROJECTION):
        # The inner model has the pooled output. It is also used if the weights lack the projection.
        missing = {key.removeprefix("vision_model.") for key in missing if key not in _PROJECTION}
        model = model.vision_model
    pooler = {key for key in missing if key.startswith(("pooler.", "head."))}
    if missing - pooler:
        raise WeightsError(
            f"the weights of {name} do not fit its config.json: {min(missing - pooler)} is missing "
            "or has another shape. Save or fetch the model again, or choose another one"
        )
    names = {key.rpartition(".")[2] for key, _ in model.named_parameters()}
    if output == "cls" and names.isdisjoint({"cls_token", "class_embedding"}):
        raise ValueError(
            f"output='cls' does not fit {name}, which has no class token: use output='mean', "
            "'auto' or, if the model has a pooler, 'pooler'"
        )
    model.loss_function = None  # tracing reads it, and transformers would warn about its type
    return HuggingFaceNetwork(model, family, name, has_pooler=not pooler).eval()


def _load(folder: Path, name: str, family: _Family) -> tuple[Any, set[str]]:
    """Return a model, and the names of the weights that the folder lacks or that do not fit."""
    transformers = import_optional("transformers", "hf")
    with _quiet(transformers):
        try:
            config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
            if family.loader != "XCLIPModel":
                config = getattr(config, "vision_config", config)
            model, report = getattr(transformers, family.loader).from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # reported below, like missing weights
                output_loading_info=True,
            )
        except Exception as error:  # a config can make transformers raise anything
            raise WeightsError(
                f"transformers {transformers.__version__} cannot load the model in {folder}: "
                f"{_first_line(error)}. Fetch the model again, save it with this version of "
                "transformers, or use another version"
            ) from error
    if not family.frames and model.main_input_name != "pixel_values":
        raise WeightsError(
            f"{name} is a {type(model).__name__}, which takes {model.main_input_name} and not "
            "pictures: choose a model for images or videos"
        )
    if bad := not_finite(model.state_dict()):
        raise WeightsError(
            f"the weights of {name} contain NaN or infinity in {min(bad)}: fetch the model again, "
            "or choose another one"
        )
    missing = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
    return model, {key for key in missing if not key.endswith("mask_token")}


@contextlib.contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """Silence transformers, whose reports are checked here, and restore its settings at the end."""
    log = transformers.utils.logging
    level = log.get_verbosity()
    hook = log.set_tqdm_hook(lambda factory, args, kwargs: log.EmptyTqdm(*args))
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(level)
        log.set_tqdm_hook(hook)


def _find_folder(name: str, revision: str | None) -> Path:
    """Return the folder of a model. A repository is fetched."""
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        if not re.fullmatch(r"\w[\w.-]*/[\w.-]+", name):
            raise ValueError(
                f"model={name!r} is neither a folder nor a repository of Hugging Face, such as "
                "'facebook/dinov2-small'"
            )
        folder = _fetch(name, revision)
    missing = _missing(folder)
    if missing:
        raise WeightsError(
            f"{name} has no {missing}: use a folder that save_pretrained wrote, or a repository "
            "or revision with weights in the safetensors format. Other formats are never loaded, "
            "because they may run code. If you trust such a model, save it with save_pretrained"
        )
    return folder


def _fetch(repository: str, revision: str | None) -> Path:
    """Return the folder of a repository in the cache of Hugging Face, complete if possible."""
    hub = import_optional("huggingface_hub", "hf")
    fetch = partial(
        hub.snapshot_download, repo_id=repository, revision=revision, allow_patterns=_FETCHED
    )
    cached = None
    with contextlib.suppress(OSError, ValueError):
        cached = Path(fetch(local_files_only=True))
        if not _missing(cached) and any(cached.glob("*processor_config.json")):
            return cached
    try:
        logger.info("Downloading %s from Hugging Face to its cache", repository)
        return Path(fetch())
    except Exception as error:  # its HTTP library has errors of its own
        if cached is not None and not _missing(cached):
            return cached
        at = f" at revision {revision!r}" if revision else ""
        raise WeightsError(
            f"{repository!r}{at} is neither a folder nor a repository in the cache of Hugging "
            f"Face, and cannot be fetched: {_first_line(error)}. Check its name and the network, "
            "or download it elsewhere and give the folder: model='path/to/folder'"
        ) from error


def _missing(folder: Path) -> str | None:
    """Return the first file that a model needs but the folder lacks, or None."""
    if not (folder / _CONFIG).is_file():
        return _CONFIG
    return next((path.name for path in _weight_files(folder) if not path.is_file()), None)


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that transformers loads: one, or the parts that an index names."""
    if (folder / _WEIGHTS).is_file() or not (folder / _INDEX).is_file():
        return [folder / _WEIGHTS]
    parts = set(read_json(folder / _INDEX).get("weight_map", {}).values())
    return [folder / part for part in sorted(parts)]


def _identity(folder: Path) -> dict[str, Any]:
    """Return what determines the features: the content of the files, not their location."""
    return {
        "config": file_digest(folder / _CONFIG),
        "weights": [file_digest(path) for path in _weight_files(folder)],
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
