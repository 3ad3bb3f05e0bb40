#!/usr/bin/env python3
"""CLIP at the size of ViT-B/32 in PyTorch, with random weights, for comparison: 16
pictures (prepared, 224 x 224) through the image tower, and one sentence of 12 tokens
through the text tower, projections and normalization included.

With transformers installed it is Hugging Face's CLIPModel (--plain: not even then),
else the same towers written out, as bench/torch_transformer.py has them. Inference
mode, float32. Prints one JSON object a line. bench/compare_clip.py runs it beside ours.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

from torch_transformer import Layer


class Plain(torch.nn.Module):
    """Both towers, written out."""

    def __init__(self):
        super().__init__()
        self.patch = torch.nn.Conv2d(3, 768, 32, 32, bias=False)
        self.cls = torch.nn.Parameter(torch.randn(768))
        self.places = torch.nn.Parameter(torch.randn(50, 768))
        self.pre, self.post, self.final = torch.nn.LayerNorm(768), torch.nn.LayerNorm(768), torch.nn.LayerNorm(512)
        self.vision = torch.nn.ModuleList(Layer(768, 12, 3072, True) for _ in range(12))
        self.tokens, self.order = torch.nn.Embedding(49408, 512), torch.nn.Parameter(torch.randn(77, 512))
        self.text = torch.nn.ModuleList(Layer(512, 8, 2048, True) for _ in range(12))
        self.visual, self.textual = torch.nn.Linear(768, 512, bias=False), torch.nn.Linear(512, 512, bias=False)

    def images(self, pixels):
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], dim=1) + self.places
        x = self.pre(x)
        for layer in self.vision:
            x = layer(x, None)
        return F.normalize(self.visual(self.post(x[:, 0])), dim=1)

    def sentence(self, ids):
        n = ids.shape[1]
        x = self.tokens(ids) + self.order[:n]
        mask = torch.full((n, n), float("-inf")).triu(1)
        for layer in self.text:
            x = layer(x, mask)
        return F.normalize(self.textual(self.final(x)[:, -1]), dim=1)


def hugging_face():
    from transformers import CLIPConfig, CLIPModel

    model = CLIPModel(CLIPConfig()).eval()

    def rows(out):
        return F.normalize(out if torch.is_tensor(out) else out.pooler_output, dim=1)

    return (lambda pixels: rows(model.get_image_features(pixel_values=pixels))), (lambda ids: rows(model.get_text_features(input_ids=ids)))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--repeats", type=int, default=5)
    ap.add_argument("--batch", type=int, default=16)
    ap.add_argument("--plain", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    side = "torch"
    try:
        if args.plain:
            raise ImportError
        images, sentence = hugging_face()
        import transformers

        side = "transformers " + transformers.__version__
    except ImportError:
        plain = Plain().eval()
        images, sentence = plain.images, plain.sentence
    pixels = torch.randn(args.batch, 3, 224, 224)
    ids = torch.cat([torch.tensor([[49406]]), torch.randint(0, 49000, (1, 10)), torch.tensor([[49407]])], dim=1)
    for name, run, count in (("images", lambda: images(pixels), args.batch), ("sentence", lambda: sentence(ids), 1)):
        times = []
        with torch.inference_mode():
            for _ in range(args.repeats * (1 if count > 1 else 8) + 2):
                begun = time.perf_counter()
                run()
                times.append((time.perf_counter() - begun) * 1e3)
        times = times[2:]  # two to warm up
        print(json.dumps({"name": name, "side": f"{side}, torch {torch.__version__}", "ms": min(times), "median_ms": statistics.median(times),
                          "per_s": count / min(times) * 1e3}), flush=True)


if __name__ == "__main__":
    main()
