"""Records towers.json: what Hugging Face's CLIPModel makes of pictures and sentences,
for small models whose weights a formula gives.

    pip install transformers torch pillow numpy
    python towers.py

Made with transformers 5.23.0, torch 2.15.0, Pillow 11.3.0, in float32 on a CPU.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from pictures import picture

END = 518
PICTURES = [(64, 64), (131, 97), (90, 200)]
SENTENCES = ["", "the egg", "The person takes the EGG out of the drawer, then washes it: 10 times!", "caf\u00e9 \U0001f373 \u65e5\u672c",
             "the egg " * 40, "a<|endoftext|>b"]


def tiny_tokenizer(folder):
    """The vocabulary of tokenizer_test.go: the bytes, a few merges, the two names."""
    runes, extra = [], 256
    for c in range(256):
        if 33 <= c <= 126 or 161 <= c <= 172 or 174 <= c <= 255:
            runes.append(chr(c))
        else:
            runes.append(chr(extra))
            extra += 1
    merges = ["e g", "g g</w>", "e gg</w>", "t h", "th e</w>"]
    names = runes + [r + "</w>" for r in runes] + [m.replace(" ", "") for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    Path(folder, "vocab.json").write_text(json.dumps({n: i for i, n in enumerate(names)}))
    Path(folder, "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return CLIPTokenizer.from_pretrained(folder)


def formula(name, shape):
    """Uniform values in float32, from FNV-1a of the name and SplitMix64."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1
    if "norm" in name or "layrnorm" in name:
        values = 1 + 0.5 * u if name.endswith("weight") else 0.5 * u
    elif name.endswith("bias"):
        values = 0.3 * u
    elif "embedding" in name and "patch" not in name:
        values = u
    else:
        values = u * (2 / np.sqrt(np.prod(shape[1:])))
    return values.astype(np.float32).reshape(shape)


def model(**kinds):
    text = {"vocab_size": 519, "bos_token_id": 517, "eos_token_id": END, "pad_token_id": END} | kinds["text"]
    config = CLIPConfig(text_config=text, vision_config=kinds["vision"], projection_dim=kinds["projection"])
    m = CLIPModel(config).eval()
    with torch.no_grad():
        for name, p in m.named_parameters():
            if name != "logit_scale":
                p.copy_(torch.from_numpy(formula(name, tuple(p.shape))))
    return m


def sizes(width, heads, layers, hidden, act, **more):
    return {"hidden_size": width, "num_attention_heads": heads, "num_hidden_layers": layers, "intermediate_size": hidden, "hidden_act": act} | more


MODELS = {
    "patch 32, the end by the largest id": dict(
        text=sizes(48, 3, 2, 192, "quick_gelu", eos_token_id=2), vision=sizes(64, 4, 3, 256, "quick_gelu", image_size=96, patch_size=32), projection=40),
    "patch 16, gelu": dict(
        text=sizes(64, 2, 3, 128, "gelu"), vision=sizes(96, 3, 4, 384, "gelu", image_size=80, patch_size=16), projection=64),
    "odd sizes, few positions": dict(
        text=sizes(27, 3, 2, 101, "gelu", max_position_embeddings=20), vision=sizes(33, 3, 2, 77, "quick_gelu", image_size=50, patch_size=7), projection=17),
    "patch 14, deep, other epsilon": dict(
        text=sizes(80, 5, 6, 160, "quick_gelu", layer_norm_eps=1e-4), vision=sizes(128, 8, 8, 512, "gelu", image_size=56, patch_size=14, layer_norm_eps=1e-6), projection=96),
}


def main():
    torch.manual_seed(0)
    out = []
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = tiny_tokenizer(folder)
    for name, kinds in MODELS.items():
        m = model(**kinds)
        side, limit = m.config.vision_config.image_size, m.config.text_config.max_position_embeddings
        processor = CLIPImageProcessorPil(size={"shortest_edge": side + 3 if "odd" in name else side}, crop_size=side)
        pixels = processor([Image.fromarray(picture(w, h)) for w, h in PICTURES], return_tensors="pt")["pixel_values"]
        tokens = tokenizer(SENTENCES, padding="max_length", truncation=True, max_length=limit, return_tensors="pt")
        with torch.no_grad():
            result = m(pixel_values=pixels, input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        rows = lambda x: [[float(f"{v:.8g}") for v in row] for row in x.tolist()]
        out.append({
            "name": name, "config": m.config.to_dict(), "preprocessor": processor.to_dict(),
            "pictures": [{"width": w, "height": h} for w, h in PICTURES], "sentences": SENTENCES,
            "image_embeds": rows(result.image_embeds), "text_embeds": rows(result.text_embeds),
        })
    Path(__file__).with_name("towers.json").write_text(json.dumps(out, indent=None, default=str) + "\n")


if __name__ == "__main__":
    main()
