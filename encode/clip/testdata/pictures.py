"""Records pictures.json: what Hugging Face's CLIPImageProcessor (PIL) makes of pictures
that a formula gives, as the SHA-256 of the (3, 224, 224) 8-bit values and a few numbers.

    pip install transformers pillow numpy
    python pictures.py

Made with transformers 5.23.0, Pillow 11.3.0: from some later version on Pillow resizes
along the columns first where that is less work, which changes values by 1 of 255.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

SIZES = [(450, 655), (640, 480), (1280, 720), (224, 224), (225, 224), (224, 300), (223, 225), (100, 100), (3, 500),
         (1, 1), (7, 5), (1000, 1), (961, 541), (229, 1031)]


def picture(w, h):
    """Waves with noise: every value of 0 to 255, sharp edges and smooth parts."""
    x, y, c = np.meshgrid(np.arange(w, dtype=np.uint64), np.arange(h, dtype=np.uint64), np.arange(3, dtype=np.uint64), indexing="xy")
    noise = ((x * np.uint64(73856093)) ^ (y * np.uint64(19349663)) ^ (c * np.uint64(83492791))) * np.uint64(2654435761)
    noise = (noise >> np.uint64(13)) & np.uint64(255)
    wave = (x * (c + np.uint64(1)) // np.uint64(3) + y * y // np.uint64(64)) & np.uint64(255)
    edge = np.where(((x // np.uint64(40)) + (y // np.uint64(24))) % np.uint64(2) == 0, noise, wave)
    return edge.astype(np.uint8)


def main():
    processor = CLIPImageProcessorPil()
    mean = np.array(processor.image_mean)[:, None, None]
    std = np.array(processor.image_std)[:, None, None]
    out = []
    for w, h in SIZES:
        values = processor(Image.fromarray(picture(w, h)), return_tensors="np")["pixel_values"][0]
        exact = (values.astype(np.float64) * std + mean) * 255
        bits = np.rint(exact).astype(np.uint8)
        assert np.abs(exact - bits).max() < 1e-3 and bits.shape == (3, 224, 224)
        some = [float(values[c, y, x]) for c, y, x in [(0, 0, 0), (1, 100, 50), (2, 223, 223)]]
        out.append({"width": w, "height": h, "sha256": hashlib.sha256(bits.tobytes()).hexdigest(), "some": some})
    Path(__file__).with_name("pictures.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
