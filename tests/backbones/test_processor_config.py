"""Processor configs determine the size, crop and normalisation of a model's pictures."""

import importlib
import json

import numpy as np
import pytest

from sklearn_m3s.backbones._processor_config import read_pictures
from sklearn_m3s.exceptions import WeightsError
from sklearn_m3s.video import FrameGeometry

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
OPENAI = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
DO = {"do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255}

# The configs of the repositories, without the keys that have no effect.
PUBLISHED = {
    "google/vit-base-patch16-224": (
        {
            **HALF,
            "image_processor_type": "ViTImageProcessor",
            "size": {"height": 224, "width": 224},
        },
        FrameGeometry(224, 224),
    ),
    "google/vit-base-patch16-224, once": (
        {**HALF, "feature_extractor_type": "ViTFeatureExtractor", "size": 224},
        FrameGeometry(224, 224),
    ),
    "facebook/dinov2-small": (
        {
            **IMAGENET,
            **DO,
            "image_processor_type": "BitImageProcessor",
            "size": {"shortest_edge": 256},
            "do_center_crop": True,
            "crop_size": {"height": 224, "width": 224},
        },
        FrameGeometry(224, 224, shortest_edge=256),
    ),
    "facebook/dinov3-vits16-pretrain-lvd1689m": (
        {
            **IMAGENET,
            **DO,
            "image_processor_type": "DINOv3ViTImageProcessorFast",
            "size": {"height": 224, "width": 224},
            "do_center_crop": None,
            "crop_size": None,
        },
        FrameGeometry(224, 224),
    ),
    "openai/clip-vit-base-patch32": (
        {
            **OPENAI,
            "feature_extractor_type": "CLIPFeatureExtractor",
            "size": 224,
            "do_center_crop": True,
            "crop_size": 224,
        },
        FrameGeometry(224, 224, shortest_edge=224),
    ),
    "google/siglip2-base-patch16-384": (
        {
            **HALF,
            **DO,
            "image_processor_type": "SiglipImageProcessor",
            "size": {"height": 384, "width": 384},
        },
        FrameGeometry(384, 384),
    ),
    "facebook/convnext-tiny-224": (
        {
            **IMAGENET,
            "feature_extractor_type": "ConvNextFeatureExtractor",
            "size": 224,
            "crop_pct": 0.875,
        },
        FrameGeometry(224, 224, shortest_edge=256),
    ),
    "facebook/convnextv2-tiny-22k-384": (
        {
            **IMAGENET,
            **DO,
            "image_processor_type": "ConvNextImageProcessor",
            "size": {"shortest_edge": 384},
            "crop_pct": 0.875,
        },
        FrameGeometry(384, 384),
    ),
    "MCG-NJU/videomae-base": (
        {**IMAGENET, "feature_extractor_type": "VideoMAEFeatureExtractor", "size": 224},
        FrameGeometry(224, 224, shortest_edge=224),
    ),
    "facebook/timesformer-base-finetuned-k400": (
        {
            "image_mean": [0.45, 0.45, 0.45],
            "image_std": [0.225, 0.225, 0.225],
            "image_processor_type": "VideoMAEImageProcessor",
            "size": {"shortest_edge": 224},
            "do_center_crop": True,
            "crop_size": {"height": 224, "width": 224},
        },
        FrameGeometry(224, 224, shortest_edge=224),
    ),
    "facebook/vjepa2-vitl-fpc64-256": (
        {
            **IMAGENET,
            **DO,
            "video_processor_type": "VJEPA2VideoProcessor",
            "size": {"shortest_edge": 292},
            "do_center_crop": True,
            "crop_size": {"height": 256, "width": 256},
        },
        FrameGeometry(256, 256, shortest_edge=292),
    ),
    "facebook/vjepa2-vitg-fpc64-384": (
        {**IMAGENET, "video_processor_type": "VJEPA2VideoProcessor", "crop_size": 384},
        FrameGeometry(384, 384, shortest_edge=438),
    ),
}
VIVIT = {
    **HALF,
    "image_processor_type": "VivitImageProcessor",
    "size": {"shortest_edge": 256},
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "rescale_factor": 1 / 127.5,
    "offset": True,
}


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a config into a folder, which it returns."""

    def write(config, name="preprocessor_config.json"):
        (tmp_path / name).write_text(json.dumps(config))
        return tmp_path

    return write


@pytest.mark.parametrize("repository", PUBLISHED)
def test_published_configs_are_understood(save, repository):
    config, geometry = PUBLISHED[repository]
    pictures = read_pictures(save(config), "clip")
    assert pictures.geometry == geometry
    assert pictures.mean == pytest.approx(config["image_mean"])
    assert pictures.std == pytest.approx(config["image_std"])
    assert pictures.unknown is None


def test_vivit_scales_to_minus_one_before_it_normalises(save):
    pictures = read_pictures(save(VIVIT), "clip")
    assert pictures.geometry == FrameGeometry(224, 224, shortest_edge=256)
    # ((x / 127.5 - 1) - 0.5) / 0.5 with x in 0 .. 255 equals (x / 255 - 0.75) / 0.25.
    assert pictures.mean == pytest.approx((0.75, 0.75, 0.75))
    assert pictures.std == pytest.approx((0.25, 0.25, 0.25))


@pytest.mark.parametrize(
    ("module", "processor", "shape"),
    [
        ("clip.image_processing_pil_clip", "CLIPImageProcessorPil", (224, 300)),
        ("bit.image_processing_pil_bit", "BitImageProcessorPil", (301, 224)),
        ("convnext.image_processing_pil_convnext", "ConvNextImageProcessorPil", (384, 384)),
        ("convnext.image_processing_pil_convnext", "ConvNextImageProcessorPil", (256, 301)),
        ("siglip.image_processing_pil_siglip", "SiglipImageProcessorPil", (224, 224)),
        ("vit.image_processing_pil_vit", "ViTImageProcessorPil", (224, 224)),
        ("videomae.image_processing_pil_videomae", "VideoMAEImageProcessorPil", (224, 251)),
        ("vivit.image_processing_vivit", "VivitImageProcessor", (256, 320)),
    ],
)
@pytest.mark.parametrize(
    "changes", [{}, {"do_normalize": False}, {"do_rescale": False}, {"rescale_factor": 0.25}]
)
def test_pictures_are_those_of_the_processors(save, rng, module, processor, shape, changes):
    pytest.importorskip("transformers")
    if "vivit" in module and "do_rescale" in changes:
        changes = {**changes, "offset": False}  # which it insists on
    if shape == (256, 301):
        changes = {**changes, "size": {"shortest_edge": 224}}  # cut where it is below 384
    # The frames have the final size already, since interpolation differs.
    frame = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    theirs = getattr(importlib.import_module(f"transformers.models.{module}"), processor)(**changes)
    expected = theirs([frame], return_tensors="np", input_data_format="channels_last")
    pictures = read_pictures(save(theirs.to_dict()), "clip")
    ours = (pictures.geometry.apply(frame) / 255 - pictures.mean) / pictures.std
    np.testing.assert_allclose(
        np.squeeze(expected["pixel_values"]), ours.transpose(2, 0, 1), rtol=1e-5, atol=1e-4
    )


def test_a_nested_config_comes_before_a_file_of_its_own(save):
    save({"image_processor_type": "ViTImageProcessor", "size": {"height": 64, "width": 64}})
    nested = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 48}}
    folder = save({"image_processor": nested}, "processor_config.json")
    assert read_pictures(folder, "image").geometry == FrameGeometry(32, 48)


def test_a_processor_config_without_an_image_processor_is_skipped(save):
    save({"processor_class": "CLIPProcessor"}, "processor_config.json")
    folder = save({"image_processor_type": "ViTImageProcessor", "size": 64})
    assert read_pictures(folder, "image").geometry == FrameGeometry(64, 64)


def test_clips_have_the_config_of_the_video_processor(save):
    save({"video_processor_type": "VJEPA2VideoProcessor"}, "video_preprocessor_config.json")
    folder = save({"image_processor_type": "ViTImageProcessor"})
    assert read_pictures(folder, "clip").geometry == FrameGeometry(256, 256, shortest_edge=292)
    assert read_pictures(folder, "image").geometry == FrameGeometry(224, 224)


def test_a_config_without_a_type_is_read_as_it_stands(save):
    folder = save({**HALF, "size": 32})
    assert read_pictures(folder, "image") == (FrameGeometry(32, 32), (0.5,) * 3, (0.5,) * 3, None)
    folder = save({**HALF, "size": 40, "do_center_crop": True, "crop_size": 32})
    assert read_pictures(folder, "image").geometry == FrameGeometry(32, 32, shortest_edge=40)


@pytest.mark.parametrize(
    "config",
    [
        {"image_processor_type": "CLIPImageProcessor", "do_resize": False},
        {"image_processor_type": "CLIPImageProcessor", "do_center_crop": False},
        {"image_processor_type": "CLIPImageProcessor", "crop_size": 300},
        {"image_processor_type": "DeiTImageProcessor", "size": 256, "crop_size": 224},
        {"size": {"shortest_edge": 224, "longest_edge": 800}, **HALF},
        HALF,
    ],
)
def test_a_size_that_is_not_fixed_is_unknown_and_the_file_named(save, config):
    pictures = read_pictures(save(config), "image")
    assert pictures.geometry is None
    assert pictures.mean is not None
    assert "preprocessor_config.json" in pictures.unknown


def test_nothing_is_known_without_a_config(tmp_path):
    pictures = read_pictures(tmp_path, "image")
    assert pictures[:3] == (None, None, None)
    assert f"{tmp_path / 'preprocessor_config.json'} does not exist" in pictures.unknown


def test_unsupported_processors_are_unknown(save):
    pictures = read_pictures(save({"image_processor_type": "MobileViTImageProcessor"}), "image")
    assert pictures[:3] == (None, None, None)
    assert "MobileViTImageProcessor, which is not supported" in pictures.unknown


def test_a_missing_mean_is_reported(save):
    pictures = read_pictures(save({"size": 32}), "image")
    assert pictures.mean is None
    assert "has no image_mean" in pictures.unknown


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_config_is_named(tmp_path, text):
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json"):
        read_pictures(tmp_path, "image")
