"""Base class of tiers that use a network: frames or clips in, embeddings out."""

import os
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack

import numpy as np
from sklearn.base import clone
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.tiers._video_transformer import SharedParameters, VideoTransformer
from sklearn_m3s.video import ClipReader, FrameGeometry

if TYPE_CHECKING:
    from sklearn_m3s.backbones import Network, NetworkSpec

_SIDE = 224  # of frames, for a module without a known size


class NetworkParameters(SharedParameters, total=False):
    """Types of the further parameters that tiers with a network share."""

    precision: str
    engine: str
    device: str
    random_state: int | None


class Encoder(VideoTransformer):
    """Base class of tiers that embed videos with a network.

    The network is loaded when the first video is embedded. Estimators with the same settings share
    it, and a pickle holds only a user's module. `FrameEncoder` and `ClipEncoder` expose all
    settings as parameters. Presets fix some of them as attributes of their class.
    """

    _parameter_constraints: dict = {
        **VideoTransformer._parameter_constraints,
        "weights": [str, os.PathLike, None],
        "sha256": [str, None],
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "frame_size": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "engine": [StrOptions({"auto", "torch", "openvino"})],
        "device": [str],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both"), None],
    }
    _kind: ClassVar[Literal["image", "clip"]]
    model: Any
    weights: str | os.PathLike[str] | None
    sha256: str | None = None
    revision: str | None = None
    layer: str | None = None
    output: str = "auto"
    n_frames: int | None
    frame_size: int | None
    pool: str | None = "mean"
    normalize: bool = False
    mean: Any = None
    std: Any = None
    version: str | None = None

    def __init__(
        self,
        *,
        precision: str = "auto",
        engine: str = "auto",
        device: str = "auto",
        random_state: int | None = None,
        **shared: Unpack[SharedParameters],
    ) -> None:
        super().__init__(**shared)
        self.precision = precision
        self.engine = engine
        self.device = device
        self.random_state = random_state

    def __sklearn_clone__(self) -> "Encoder":
        """Return a clone that shares the user's module, which may be large."""
        params = {
            name: value if name == "model" else clone(value, safe=False)
            for name, value in self.get_params(deep=False).items()
        }
        other = type(self)(**params)
        for name in ("_sklearn_output_config", "_metadata_request"):
            if name in vars(self):
                setattr(other, name, deepcopy(vars(self)[name]))
        return other

    def _spec(self) -> "NetworkSpec":
        """Return the spec of the network, without loading it."""
        # Imported here, since importing torch is slow and the workers do not need it.
        from sklearn_m3s.backbones import resolve_network

        return resolve_network(
            self.model,
            self._kind,
            weights=self.weights,
            sha256=self.sha256,
            revision=self.revision,
            layer=self.layer,
            output=self.output,
            version=self.version,
            random_state=self.random_state,
        )

    def _reader(self) -> ClipReader:
        spec = self._spec()
        return ClipReader(self._count(spec), self._geometry(spec))

    def _count(self, spec: "NetworkSpec") -> int:
        """Return the number of frames to take."""
        n_frames = spec.n_frames if self.n_frames is None else self.n_frames
        if n_frames is None:
            raise ValueError(
                f"n_frames=None, but {spec.name} has no fixed number of frames: pass n_frames="
            )
        if spec.only_frames not in (None, n_frames):
            raise ValueError(
                f"n_frames={n_frames}, but {spec.name} only takes {spec.only_frames} frames: use "
                f"n_frames={spec.only_frames} or None"
            )
        return n_frames

    def _geometry(self, spec: "NetworkSpec") -> FrameGeometry:
        """Return the geometry of the frames to take."""
        if self.frame_size is not None:
            return FrameGeometry.square(self.frame_size)
        if spec.geometry is None and spec.unknown:
            raise ValueError(f"{spec.unknown}: pass frame_size=, mean= and std=")
        return spec.geometry or FrameGeometry.square(_SIDE)

    def _normalisation(self, spec: "NetworkSpec") -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the mean and the standard deviation for normalisation."""
        chosen = []
        for name, own, neutral in (("mean", spec.mean, 0.0), ("std", spec.std, 1.0)):
            given = getattr(self, name)
            if given is None and own is None and spec.unknown:
                raise ValueError(f"{spec.unknown}: pass {name}=")
            values = own if given is None else given
            numbers = np.full(3, neutral) if values is None else np.asarray(values, dtype=float)
            least = -np.inf if name == "mean" else 0
            if numbers.shape != (3,) or not ((numbers > least) & np.isfinite(numbers)).all():
                above = "" if name == "mean" else " above 0"
                raise ValueError(
                    f"{name}={given!r}: pass three numbers{above}, for red, green and blue"
                )
            chosen.append(tuple(numbers.tolist()))
        return chosen[0], chosen[1]

    def _settings(self) -> dict[str, Any]:
        from sklearn_m3s.backbones import resolve_device

        spec = self._spec()
        precision = self.precision
        if precision == "auto":
            on_cuda = spec.origin != "user" and resolve_device(self.device).startswith("cuda")
            precision = "bfloat16" if on_cuda else "float32"
        return {
            "network": spec.identity(),
            "layer": self.layer,
            "output": self.output,
            "n_frames": self._count(spec),
            "geometry": list(self._geometry(spec)),
            "normalisation": self._normalisation(spec),
            "normalize": self.normalize,
            "pool": self.pool,
            "precision": precision,
            "decoder": self.decoder,
        }

    def _embedder(self, n_videos: int) -> Callable[[list[np.ndarray]], list[Any]]:
        from sklearn_m3s.backbones import NetworkSettings, load_network

        spec = self._spec()
        mean, std = self._normalisation(spec)
        settings = NetworkSettings(
            self.layer, self.output, mean, std, self.device, self.precision, self.engine
        )
        n_frames, (height, width, _) = self._count(spec), self._geometry(spec)
        if self._kind == "image":
            network = load_network(spec, settings, (3, height, width), n_videos * n_frames)
        else:
            network = load_network(spec, settings, (3, n_frames, height, width), n_videos)
        return partial(self._embed, network)

    def _embed(self, network: "Network", clips: list[np.ndarray]) -> list[Any]:
        """Return the row of each clip, or an exception if the row is not finite."""
        rows: list[Any] = []
        for part in gen_batches(len(clips), self.batch_size):
            rows.extend(self._embed_batch(network, np.stack(clips[part])))
        return [
            row
            if np.isfinite(row).all()
            else VideoError(
                f"has NaN or infinity in the features that {network.name} computes: use "
                "precision='float32', or other mean=, std= or weights"
            )
            for row in rows
        ]

    def _embed_batch(self, network: "Network", clips: np.ndarray) -> np.ndarray:
        """Embed clips of shape (N, T, H, W, 3): whole, or frame by frame and pooled over time."""
        if self._kind == "clip":
            return self._scaled(network.embed(clips))
        n_videos, n_frames = clips.shape[:2]
        frames = self._scaled(network.embed(clips.reshape(-1, *clips.shape[2:])))
        frames = frames.reshape(n_videos, n_frames, -1)
        if self.pool is None:
            return frames.reshape(n_videos, -1)
        if self.pool == "max":
            return frames.max(axis=1)
        mean = frames.mean(axis=1)
        return np.hstack([mean, frames.std(axis=1)]) if self.pool == "mean_std" else mean

    def _scaled(self, embeddings: np.ndarray) -> np.ndarray:
        """Return embeddings, scaled to length 1 if `normalize` is set."""
        if not self.normalize:
            return embeddings
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return embeddings / np.where(lengths > 0, lengths, 1)

    def _n_described(self) -> int:
        spec = self._spec()
        if spec.n_features is None or self.layer is not None or self.output != "auto":
            return super()._n_described()
        if self._kind == "clip":
            return spec.n_features
        n_parts = {None: self._count(spec), "mean_std": 2}.get(self.pool, 1)
        return n_parts * spec.n_features


PRESET_RULES: dict = {
    **Encoder._parameter_constraints,
    "n_frames": [Interval(Integral, 1, None, closed="left")],
    "frame_size": [Interval(Integral, 32, None, closed="left")],
}
# Rules of the parameters that FrameEncoder and ClipEncoder share.
ENCODER_RULES: dict = {
    **Encoder._parameter_constraints,
    "model": [str, os.PathLike, callable],
    "revision": [str, None],
    "layer": [str, None],
    "output": [StrOptions({"auto", "mean", "cls", "pooler", "flatten"})],
    "normalize": ["boolean"],
    "mean": ["array-like", None],
    "std": ["array-like", None],
    "version": [str, None],
}
