"""Tiny untrained networks from Hugging Face, for examples that run offline."""

import json

import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    VJEPA2Config,
    VJEPA2Model,
)
from transformers.utils.logging import disable_progress_bar

VIT = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 16}
PREDICTOR = {
    "pred_hidden_size": 48,
    "pred_num_attention_heads": 2,
    "pred_num_hidden_layers": 1,
    "pred_num_mask_tokens": 1,
}
NORMALISATION = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def save_tiny_models(folder):
    """Save a DINOv2, a CLIP and a V-JEPA 2 with random weights, and return their folders."""
    disable_progress_bar()
    torch.manual_seed(0)
    models = {
        "dinov2": Dinov2Model(Dinov2Config(**VIT, image_size=64)),
        "clip": CLIPVisionModelWithProjection(
            CLIPVisionConfig(**VIT, image_size=64, projection_dim=32)
        ),
        "vjepa2": VJEPA2Model(VJEPA2Config(**VIT, **PREDICTOR, crop_size=64, frames_per_clip=8)),
    }
    processor = {"image_processor_type": "ViTImageProcessor", "size": 64, **NORMALISATION}
    for name, model in models.items():
        model.save_pretrained(folder / name)
        (folder / name / "preprocessor_config.json").write_text(json.dumps(processor))
    return [folder / name for name in models]
