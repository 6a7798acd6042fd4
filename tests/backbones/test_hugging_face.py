"""Features of networks of Hugging Face equal those of calling the library directly."""

import json
import logging
import pickle
import shutil
import socket
import sys
import warnings
from fnmatch import fnmatch

import numpy as np
import pytest
import torch

from sklearn_m3s.backbones._features import Features
from sklearn_m3s.backbones._hugging_face import hugging_face_spec
from sklearn_m3s.exceptions import M3SError, WeightsError
from sklearn_m3s.video import FrameGeometry

transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 16,
}
TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 50,
    "max_position_embeddings": 8,
}
DINO = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
CONVNEXT = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "image_size": 32}
X_CLIP = {
    **VIT,
    "num_frames": 4,
    "mit_hidden_size": 12,
    "mit_intermediate_size": 24,
    "mit_num_attention_heads": 2,
}
V_JEPA = {
    "patch_size": 16,
    "crop_size": 32,
    "frames_per_clip": 4,
    "hidden_size": 24,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "mlp_ratio": 2,
    "pred_hidden_size": 24,
    "pred_num_attention_heads": 2,
    "pred_num_hidden_layers": 1,
    "pred_num_mask_tokens": 1,
}


def text_and(vision, **settings):
    return {"vision_config": vision, "text_config": TEXT, **settings}


# The class to save, and its config.
MODELS = {
    "vit": ("ViTModel", "ViTConfig", VIT),
    "vit-classifier": ("ViTForImageClassification", "ViTConfig", VIT),
    "dinov2": ("Dinov2Model", "Dinov2Config", {**DINO, "image_size": 64, "patch_size": 16}),
    "dinov3": ("DINOv3ViTModel", "DINOv3ViTConfig", {**VIT, "num_register_tokens": 4}),
    "dinov3-convnext": ("DINOv3ConvNextModel", "DINOv3ConvNextConfig", CONVNEXT),
    "clip": (
        "CLIPModel",
        "CLIPConfig",
        text_and({**VIT, "projection_dim": 12}, projection_dim=12),
    ),
    "clip-vision": ("CLIPVisionModel", "CLIPVisionConfig", VIT),
    "clip-projection": (
        "CLIPVisionModelWithProjection",
        "CLIPVisionConfig",
        {**VIT, "projection_dim": 12},
    ),
    "metaclip2": (
        "MetaClip2Model",
        "MetaClip2Config",
        {
            "vision_config": {**VIT, "projection_dim": 12},
            "text_config": {**TEXT, "eos_token_id": 2},
            "projection_dim": 12,
        },
    ),
    "swin": (
        "SwinModel",
        "SwinConfig",
        {"image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]},
    ),
    "resnet": (
        "ResNetModel",
        "ResNetConfig",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]},
    ),
    "siglip": ("SiglipModel", "SiglipConfig", text_and(VIT)),
    "siglip-vision": ("SiglipVisionModel", "SiglipVisionConfig", VIT),
    "siglip-headless": (
        "SiglipVisionModel",
        "SiglipVisionConfig",
        {**VIT, "vision_use_head": False},
    ),
    "convnext": ("ConvNextModel", "ConvNextConfig", CONVNEXT),
    "convnextv2": ("ConvNextV2Model", "ConvNextV2Config", CONVNEXT),
    "videomae": ("VideoMAEModel", "VideoMAEConfig", {**VIT, "num_frames": 4}),
    "timesformer": ("TimesformerModel", "TimesformerConfig", {**VIT, "num_frames": 4}),
    "vivit": ("VivitModel", "VivitConfig", {**VIT, "num_frames": 4, "tubelet_size": [2, 16, 16]}),
    "vivit-classifier": (
        "VivitForVideoClassification",
        "VivitConfig",
        {**VIT, "num_frames": 4, "tubelet_size": [2, 16, 16]},
    ),
    "vjepa2": ("VJEPA2Model", "VJEPA2Config", V_JEPA),
    "xclip": (
        "XCLIPModel",
        "XCLIPConfig",
        text_and(X_CLIP, projection_dim=12, prompt_num_attention_heads=2),
    ),
    "xclip-vision": ("XCLIPVisionModel", "XCLIPVisionConfig", {**VIT, "num_frames": 4}),
}
CLIPS = ("videomae", "timesformer", "vivit", "vivit-classifier", "vjepa2", "xclip", "xclip-vision")
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 32, "width": 32},
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


class Saved:
    """Tiny models with random weights, and the folders that they are saved in."""

    def __init__(self, root):
        self._root, self._models = root, {}

    def model(self, name):
        if name not in self._models:
            architecture, config, settings = MODELS[name]
            torch.manual_seed(0)
            config = getattr(transformers, config)(**settings)
            self._models[name] = getattr(transformers, architecture)(config).eval()
            self._models[name].save_pretrained(self._root / name)
            path = self._root / name / "preprocessor_config.json"
            path.write_text(json.dumps(PROCESSOR))
        return self._models[name]

    def folder(self, name):
        self.model(name)
        return self._root / name


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    return Saved(tmp_path_factory.mktemp("models"))


@pytest.fixture
def copied(saved, tmp_path):
    """Return a function that copies the folder of a model, for tests that change it."""
    return lambda name: shutil.copytree(saved.folder(name), tmp_path / name)


def network_of(folder, output="auto"):
    return Features(hugging_face_spec(folder, output=output).build(), output=output)


def batch(name, n=2, size=32):
    shape = (n, 3, 4, size, size) if name in CLIPS else (n, 3, size, size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def frames(clips):
    """Return clips as transformers wants them, frames before channels."""
    return clips.permute(0, 2, 1, 3, 4)


def change_weights(folder, change):
    path = folder / "model.safetensors"
    weights = safetensors.load_file(path)
    change(weights)
    safetensors.save_file(weights, path, metadata={"format": "pt"})


def tokens_of(model, x):
    return model(x).last_hidden_state


# The features that the library itself gives for each model and output.
DIRECT = {
    ("vit", "auto"): lambda m, x: m(x).pooler_output,
    ("vit", "pooler"): lambda m, x: m(x).pooler_output,
    ("vit", "cls"): lambda m, x: tokens_of(m, x)[:, 0],
    ("vit", "mean"): lambda m, x: tokens_of(m, x).mean(1),
    ("vit-classifier", "auto"): lambda m, x: tokens_of(m.vit, x).mean(1),
    ("vit-classifier", "cls"): lambda m, x: tokens_of(m.vit, x)[:, 0],
    ("dinov2", "auto"): lambda m, x: m(x).pooler_output,
    ("dinov2", "cls"): lambda m, x: m(x).pooler_output,
    ("dinov2", "mean"): lambda m, x: tokens_of(m, x).mean(1),
    ("dinov3", "auto"): lambda m, x: m(x).pooler_output,
    ("dinov3", "cls"): lambda m, x: m(x).pooler_output,
    ("dinov3-convnext", "auto"): lambda m, x: m(x).pooler_output,
    ("clip", "auto"): lambda m, x: m.get_image_features(x).pooler_output,
    ("clip", "pooler"): lambda m, x: m.vision_model(x).pooler_output,
    ("clip", "cls"): lambda m, x: tokens_of(m.vision_model, x)[:, 0],
    ("clip-vision", "auto"): lambda m, x: m(x).pooler_output,
    ("clip-projection", "auto"): lambda m, x: m(x).image_embeds,
    ("clip-projection", "mean"): lambda m, x: tokens_of(m, x).mean(1),
    ("metaclip2", "auto"): lambda m, x: m.get_image_features(x).pooler_output,
    ("swin", "auto"): lambda m, x: m(x).pooler_output,
    ("resnet", "auto"): lambda m, x: m(x).pooler_output[:, :, 0, 0],
    ("siglip", "auto"): lambda m, x: m.get_image_features(x).pooler_output,
    ("siglip", "mean"): lambda m, x: tokens_of(m.vision_model, x).mean(1),
    ("siglip-vision", "auto"): lambda m, x: m(x).pooler_output,
    ("siglip-headless", "auto"): lambda m, x: tokens_of(m, x).mean(1),
    ("convnext", "auto"): lambda m, x: m(x).pooler_output,
    ("convnext", "mean"): lambda m, x: tokens_of(m, x).mean((2, 3)),
    ("convnextv2", "auto"): lambda m, x: m(x).pooler_output,
    ("videomae", "auto"): lambda m, x: tokens_of(m, frames(x)).mean(1),
    ("timesformer", "auto"): lambda m, x: tokens_of(m, frames(x)).mean(1),
    ("timesformer", "cls"): lambda m, x: tokens_of(m, frames(x))[:, 0],
    ("vivit", "auto"): lambda m, x: m(frames(x)).pooler_output,
    ("vivit-classifier", "auto"): lambda m, x: tokens_of(m.vivit, frames(x)).mean(1),
    ("vjepa2", "auto"): lambda m, x: m.get_vision_features(frames(x)).mean(1),
    ("xclip", "auto"): lambda m, x: m.get_video_features(frames(x)).pooler_output,
    ("xclip", "mean"): lambda m, x: (
        tokens_of(m.vision_model, frames(x).flatten(0, 1)).mean(1).view(2, 4, -1).mean(1)
    ),
    ("xclip-vision", "auto"): lambda m, x: (
        m(frames(x).flatten(0, 1)).pooler_output.view(2, 4, -1).mean(1)
    ),
}


@pytest.mark.parametrize(("name", "output"), DIRECT)
def test_features_are_those_of_the_library(saved, name, output):
    model, x = saved.model(name), batch(name)
    network = network_of(saved.folder(name), output)
    with torch.no_grad():
        expected, features = DIRECT[name, output](model, x), network(x)
    assert features.dtype == torch.float32
    assert features.std() > 1e-3
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_networks_can_be_traced_and_pickled(saved, name):
    network, x = network_of(saved.folder(name)), batch(name)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constants of the trace, and renamed attributes
        traced = torch.jit.trace(network, x, check_trace=False)
        single = batch(name, n=1)
        np.testing.assert_allclose(traced(single), network(single), rtol=0, atol=1e-6)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(network))(x), network(x))


@pytest.mark.parametrize("name", MODELS)
def test_kind_and_number_of_frames_come_from_the_config(saved, name):
    spec = hugging_face_spec(saved.folder(name))
    assert (spec.kind, spec.n_frames) == (("clip", 4) if name in CLIPS else ("image", None))
    assert spec.only_frames == (None if name == "vjepa2" else spec.n_frames)


@pytest.mark.parametrize(
    ("model_type", "n_frames"),
    [("videomae", 16), ("timesformer", 8), ("vivit", 32), ("vjepa2", 64), ("xclip", 8)],
)
def test_number_of_frames_without_an_entry_is_the_published_one(tmp_path, model_type, n_frames):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    (tmp_path / "model.safetensors").touch()
    assert hugging_face_spec(tmp_path).n_frames == n_frames


def test_a_spec_needs_no_transformers_and_holds_the_processor(saved, monkeypatch):
    folder = saved.folder("vit")
    monkeypatch.setitem(sys.modules, "transformers", None)
    spec = hugging_face_spec(folder)
    assert spec.geometry == FrameGeometry(32, 32)
    assert spec.mean == pytest.approx((0.485, 0.456, 0.406))
    assert spec.std == pytest.approx((0.229, 0.224, 0.225))
    assert (spec.name, spec.unknown) == (str(folder), None)
    with pytest.raises(ImportError, match=r"sklearn-m3s\[hf\]"):
        spec.build()


def test_a_spec_without_a_processor_says_which_file_is_missing(copied):
    folder = copied("vit")
    (folder / "preprocessor_config.json").unlink()
    spec = hugging_face_spec(folder)
    assert (spec.geometry, spec.mean, spec.std) == (None, None, None)
    assert "preprocessor_config.json does not exist" in spec.unknown


def test_weights_and_config_are_the_identity(copied):
    folder = copied("vit")
    spec = hugging_face_spec(folder)
    before = spec.identity()
    moved = shutil.copytree(folder, folder.with_name("moved"))
    assert hugging_face_spec(moved).identity() == before
    change_weights(moved, lambda weights: weights["pooler.dense.bias"].add_(1))
    assert hugging_face_spec(moved).identity() != before
    assert json.loads(json.dumps(before)) == before


def test_shards_are_loaded_and_all_of_them_are_in_the_identity(saved, tmp_path):
    model = saved.model("vit")
    model.save_pretrained(tmp_path, max_shard_size="10KB")
    names = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    spec = hugging_face_spec(tmp_path)
    assert len(names) > 1
    assert len(spec.identity()["weights"]) == len(names)
    x = batch("vit")
    with torch.no_grad():
        np.testing.assert_allclose(
            Features(spec.build())(x), model(x).pooler_output, rtol=0, atol=1e-6
        )
    (tmp_path / names[0]).unlink()
    with pytest.raises(WeightsError, match=names[0]):
        hugging_face_spec(tmp_path)


def test_half_precision_weights_are_loaded_in_single_precision(copied):
    folder = copied("vit")
    change_weights(folder, lambda w: w.update({key: value.half() for key, value in w.items()}))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    network = hugging_face_spec(folder).build()
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert not network.training


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(copied, value):
    folder = copied("vit")
    change_weights(folder, lambda weights: weights["layernorm.bias"].fill_(value))
    with pytest.raises(WeightsError, match=r"contain NaN or infinity in layernorm\.bias"):
        hugging_face_spec(folder).build()


def test_layers_are_found_by_the_names_of_the_library(saved):
    network = hugging_face_spec(saved.folder("clip")).build()
    assert type(network.model).__name__ == "CLIPVisionModelWithProjection"
    assert "vision_model.encoder.layers.1.mlp" in dict(network.model.named_modules())


@pytest.mark.parametrize(("name", "part"), [("xclip", "text_model"), ("vjepa2", "predictor")])
def test_unused_parts_take_no_memory(saved, name, part):
    names = [key for key, _ in hugging_face_spec(saved.folder(name)).build().named_parameters()]
    assert names
    assert not any(part in key for key in names)


def test_position_embeddings_are_interpolated_to_another_frame_size(saved):
    x = batch("vit", size=48)
    with torch.no_grad():
        expected = saved.model("vit")(x, interpolate_pos_encoding=True).pooler_output
        features = network_of(saved.folder("vit"))(x)
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", CLIPS)
def test_clips_of_another_size_are_refused(saved, name):
    network = hugging_face_spec(saved.folder(name)).build()
    with pytest.raises(M3SError, match=r"frame_size=\(48, 48\).*\(32, 32\)"):
        network(batch(name, size=48))


def test_v_jepa_takes_any_multiple_of_its_tubelets(saved):
    x = torch.cat([batch("vjepa2")] * 2, dim=2)
    with torch.no_grad():
        features = network_of(saved.folder("vjepa2"))(x)
        expected = saved.model("vjepa2").get_vision_features(frames(x)).mean(1)
        with pytest.raises(M3SError, match=r"n_frames=3 does not fit .*: use a multiple of 2"):
            network_of(saved.folder("vjepa2"))(batch("vjepa2")[:, :, :3])
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["siglip", "convnext", "videomae", "vjepa2"])
def test_a_missing_class_token_is_an_error(saved, name):
    with pytest.raises(ValueError, match=r"output='cls' .* has no class token: use output='mean'"):
        network_of(saved.folder(name), "cls")


@pytest.mark.parametrize("name", ["vit-classifier", "siglip-headless", "videomae", "timesformer"])
def test_a_missing_pooled_output_is_an_error(saved, name):
    with pytest.raises(M3SError, match=r"output='pooler' needs .* Choose another output="):
        network_of(saved.folder(name), "pooler")(batch(name))


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("layernorm.weight"),
        lambda weights: weights.update({"layernorm.weight": torch.zeros(3)}),
    ],
)
def test_a_weight_that_would_be_random_is_named(copied, change):
    folder = copied("vit")
    change_weights(folder, change)
    with pytest.raises(
        WeightsError, match=r"config\.json: layernorm\.weight is missing or has another shape"
    ):
        hugging_face_spec(folder).build()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(copied, name):
    folder = copied("vit")
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=f"{folder} has no {name}: use a folder"):
        hugging_face_spec(folder)


def test_pickled_weights_are_refused_with_the_cure(copied):
    folder = copied("vit")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"safetensors format.*may run code.*save_pretrained"):
        hugging_face_spec(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", "{", "config.json cannot be read"),
        ("config.json", "{}", "cannot load .*model_type"),
        ("config.json", '{"model_type": "unheard"}', "cannot load .*model type `unheard`"),
        ("config.json", '{"model_type": "siglip2"}', "NaFlex.* SigLIP 2 of a fixed size"),
        ("config.json", '{"model_type": "vit_mae"}', "masks patches at random"),
        ("config.json", '{"model_type": "bert"}', "BertModel, which takes input_ids"),
        ("model.safetensors", "abc", "cannot load the model in .*header"),
    ],
)
def test_a_folder_that_cannot_be_used_is_an_error(copied, name, text, message):
    folder = copied("vit")
    (folder / name).write_text(text)
    with pytest.raises(WeightsError, match=message):
        hugging_face_spec(folder).build()


@pytest.mark.parametrize("model", ["nothing", "/no/such/folder", "a/b/c", "../somewhere"])
def test_a_name_that_is_neither_a_folder_nor_a_repository_is_an_error(model):
    with pytest.raises(ValueError, match="neither a folder nor a repository"):
        hugging_face_spec(model)


def test_loading_is_silent_and_leaves_the_settings_of_transformers(saved, capfd):
    folder = saved.folder("vit-classifier")
    log = transformers.utils.logging
    capfd.readouterr()
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_info()
    try:
        hugging_face_spec(folder).build()
        assert log.get_verbosity() == logging.INFO
    finally:
        log.set_verbosity(level)
    assert capfd.readouterr() == ("", "")
    assert log.is_progress_bar_enabled() == bars
    assert log.set_tqdm_hook(None) is None


def test_a_folder_is_loaded_without_the_network(saved, monkeypatch):
    folder = saved.folder("clip")

    def refuse(*args, **kwargs):
        raise AssertionError("the network is used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with torch.no_grad():
        assert network_of(folder)(batch("clip")).shape == (2, 12)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """Return an empty Hugging Face cache, without access to the network."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def keep(folder, cache, repository, commit, branch="main"):
    """Copy a folder into the cache as a commit of a branch of a repository."""
    root = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(folder, root / "snapshots" / commit)
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / branch).write_text(commit)


def test_a_repository_is_taken_from_the_cache(saved, hub_cache):
    keep(saved.folder("vit"), hub_cache, "owner/tiny-vit", "a" * 40)
    spec = hugging_face_spec("owner/tiny-vit")
    assert spec.name == "owner/tiny-vit"
    assert spec.geometry == FrameGeometry(32, 32)
    assert spec.identity() == hugging_face_spec(saved.folder("vit")).identity()
    x = batch("vit")
    with torch.no_grad():
        expected = saved.model("vit")(x).pooler_output
        np.testing.assert_allclose(Features(spec.build())(x), expected, rtol=0, atol=1e-6)


def test_a_revision_of_a_repository_is_another_model(saved, hub_cache):
    keep(saved.folder("vit"), hub_cache, "owner/tiny", "a" * 40)
    keep(saved.folder("videomae"), hub_cache, "owner/tiny", "b" * 40, branch="video")
    assert hugging_face_spec("owner/tiny").kind == "image"
    assert hugging_face_spec("owner/tiny", revision="video").kind == "clip"
    with pytest.raises(WeightsError, match="'owner/tiny' at revision 'other' is neither"):
        hugging_face_spec("owner/tiny", revision="other")


def test_a_cached_model_without_its_processor_is_used_as_it_is(copied, hub_cache):
    folder = copied("vit")
    (folder / "preprocessor_config.json").unlink()
    keep(folder, hub_cache, "owner/tiny-vit", "a" * 40)
    spec = hugging_face_spec("owner/tiny-vit")
    assert spec.mean is None
    assert "preprocessor_config.json" in spec.unknown


def test_only_configs_and_safetensors_of_the_revision_are_fetched(saved, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    calls = []

    def download(**settings):
        calls.append(settings)
        if settings.get("local_files_only"):
            raise hub.errors.LocalEntryNotFoundError("not in the cache")
        return str(saved.folder("vit"))

    monkeypatch.setattr(hub, "snapshot_download", download)
    spec = hugging_face_spec("owner/tiny-vit", revision="v1")
    assert spec.identity() == hugging_face_spec(saved.folder("vit")).identity()
    assert [call["revision"] for call in calls] == ["v1", "v1"]
    published = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model.fp16.safetensors",
        "model.safetensors",
        "model.safetensors.index.json",
        "modeling_own.py",
        "preprocessor_config.json",
        "pytorch_model.bin",
        "video_preprocessor_config.json",
    ]
    patterns = calls[-1]["allow_patterns"]
    fetched = [name for name in published if any(fnmatch(name, pattern) for pattern in patterns)]
    unsafe = {"model.fp16.safetensors", "modeling_own.py", "pytorch_model.bin"}
    assert fetched == [name for name in published if name not in unsafe]


@pytest.mark.usefixtures("hub_cache")
def test_a_repository_that_cannot_be_fetched_is_named_with_the_cure():
    message = "'facebook/dinov2-small' is neither.*cannot be fetched.*give the folder"
    with pytest.raises(WeightsError, match=message):
        hugging_face_spec("facebook/dinov2-small")


def test_repositories_need_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"sklearn-m3s\[hf\]"):
        hugging_face_spec("facebook/dinov2-small")
