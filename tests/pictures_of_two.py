"""A drawn photograph of two garments side by side, and a box around each."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

BAG = "0.05,0.3,0.4,0.55"
TROUSERS = "0.55,0.1,0.4,0.85"
"""Left, top, width and height, as shares of the picture."""

SIZE = 1200, 900


def bag_and_trousers() -> bytes:
    """Return a JPEG of 1200 x 900 pixels: a brown bag on the left, blue trousers on the right, on a pale floor."""
    picture = Image.new("RGB", SIZE, (226, 219, 206))
    pen = ImageDraw.Draw(picture)
    pen.arc((190, 320, 410, 640), 180, 360, fill=(84, 52, 34), width=26)
    pen.rounded_rectangle((95, 450, 505, 740), 28, fill=(122, 74, 46))
    pen.rectangle((95, 450, 505, 530), fill=(104, 62, 40))
    pen.polygon(
        [(770, 130), (1030, 130), (1080, 820), (940, 820), (900, 330), (860, 820), (720, 820)], fill=(46, 66, 112)
    )
    pen.rectangle((768, 122, 1032, 160), fill=(34, 50, 90))
    picture = picture.filter(ImageFilter.GaussianBlur(1.5))
    grain = np.random.default_rng(1).normal(0, 3, (SIZE[1], SIZE[0], 1))
    noisy = Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))
    jpeg = io.BytesIO()
    noisy.save(jpeg, "JPEG", quality=92)
    return jpeg.getvalue()
