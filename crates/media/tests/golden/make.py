#!/usr/bin/env python3
"""Makes the golden files that the tests compare against: what Pillow makes of the same pictures.

    python3 -m venv venv && venv/bin/pip install "pillow<12" numpy && venv/bin/python make.py

Pillow 12 and 13 changed the order of the resampling passes for some shapes; the code under test keeps the
order of all versions before it.

Writes next to itself: `pictures/` (the files to decode), `expected/` (Pillow's pixels, as PNG) and
`cases.json`. The output is deterministic for one version of Pillow; `cases.json` names it.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
EXPECTED = HERE / "expected"
SIZE = (53, 37)
CASES = {"pillow": PIL.__version__, "decode": [], "prepare": [], "resize": []}


def photo(width=SIZE[0], height=SIZE[1], channels=3, shift=0):
    """Soft gradients with a few hard edges, like a photograph."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = [
        128 + 100 * np.sin(x / 9 + shift) * np.cos(y / 11),
        255 * x / max(width - 1, 1),
        128 + 120 * np.cos((x + y) / 13 + shift),
        255 * y / max(height - 1, 1),
    ]
    array = np.stack(planes[:channels], axis=-1).clip(0, 255).astype(np.uint8)
    array[height // 4 : height // 2, width // 4 : width // 2, 0] = 230
    return array


def white(image):
    """Over white, upright, RGB."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGB", "L", "CMYK", "1") and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    canvas = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(canvas, rgba).convert("RGB")


def over_white(rgba):
    """The same by the documented formula, for what Pillow does not read exactly."""
    rgba = rgba.astype(float)
    alpha = rgba[..., 3:]
    return np.floor((rgba[..., :3] * alpha + 255 * (255 - alpha)) / 255 + 0.5).astype(np.uint8)


def add(name, data, tolerance, expected=None, prepare=False):
    """Adds a picture file. `tolerance`: largest difference in grey levels per channel."""
    path = PICTURES / name
    path.write_bytes(data)
    if expected is None:
        with Image.open(path) as image:
            image.load()
            expected = white(image)
    elif isinstance(expected, np.ndarray):
        expected = Image.fromarray(expected, "RGB")
    stem = name.replace(".", "_")
    expected.save(EXPECTED / f"{stem}.png", optimize=True)
    CASES["decode"].append({"picture": name, "expected": f"{stem}.png", "tolerance": tolerance})
    if prepare:
        small = expected.resize((24, 32), Image.Resampling.BICUBIC)
        small.save(EXPECTED / f"{stem}_24x32.png", optimize=True)
        case = {"picture": name, "expected": f"{stem}_24x32.png", "tolerance": tolerance}
        CASES["prepare"].append(case)


def saved(image, fmt, **options):
    path = PICTURES / "scratch"
    image.save(path, fmt, **options)
    data = path.read_bytes()
    path.unlink()
    return data


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def png(array, color_type, depth, chunks=(), interlace=False):
    """A PNG of samples `height x width x channels`; `depth` 8 or 16."""
    height, width = array.shape[:2]
    def rows(part):
        data = part.astype(">u2" if depth == 16 else np.uint8)
        return b"".join(b"\0" + row.tobytes() for row in data)
    if interlace:
        passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
        parts = [array[y::dy, x::dx] for x, dx, y, dy in passes]
        raw = b"".join(rows(part) for part in parts if part.size)
    else:
        raw = rows(array)
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlace))
    middle = b"".join(chunk(kind, data) for kind, data in chunks)
    data = chunk(b"IDAT", zlib.compress(raw, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + data + chunk(b"IEND", b"")


def adobe(data, transform):
    """Sets the transform of a JPEG's Adobe segment, or adds such a segment."""
    at = data.find(b"Adobe")
    if at >= 0:
        return data[: at + 11] + bytes([transform]) + data[at + 12 :]
    segment = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])
    at = data.find(b"\xff\xdb")
    return data[:at] + segment + data[at:]


def component_ids(data, ids):
    """Renames the three components of a JPEG."""
    data = bytearray(data)
    frame = data.find(b"\xff\xc0")
    scan = data.find(b"\xff\xda")
    for index, new in enumerate(ids):
        data[frame + 10 + 3 * index] = new
        data[scan + 5 + 2 * index] = new
    return bytes(data)


def jpegs():
    image = Image.fromarray(photo())
    for index, name in enumerate(["444", "422", "420"]):
        add(f"{name}.jpg", saved(image, "JPEG", quality=90, subsampling=index), 3, prepare=True)
    add("progressive.jpg", saved(image, "JPEG", quality=90, progressive=True), 3, prepare=True)
    add("restart.jpg", saved(image, "JPEG", quality=85, restart_marker_rows=1), 3)
    add("grey.jpg", saved(image.convert("L"), "JPEG", quality=85), 2)
    add("grey_progressive.jpg", saved(image.convert("L"), "JPEG", progressive=True), 2)
    cmyk = Image.fromarray(photo(channels=4), "CMYK")
    data = saved(cmyk, "JPEG", quality=92)
    add("cmyk.jpg", data, 2, prepare=True)
    add("ycck.jpg", adobe(data, 2), 2)
    rgb = saved(image, "JPEG", quality=92, keep_rgb=True)
    add("rgb.jpg", rgb, 2)
    add("rgb_by_adobe_only.jpg", component_ids(rgb, (1, 2, 3)), 2)
    add("ycbcr_despite_adobe.jpg", adobe(saved(image, "JPEG", quality=90), 0), 3)
    for size in [(1, 1), (1, 40), (40, 1), (16, 16), (17, 9)]:
        small = Image.fromarray(photo(*size))
        # libjpeg does not smooth chroma that is one sample wide.
        add(f"{size[0]}x{size[1]}.jpg", saved(small, "JPEG", quality=95), 5 if size == (1, 40) else 3)
    for value in range(1, 10):
        data = saved(image, "JPEG", quality=90, exif=orientation(value))
        add(f"orientation_{value}.jpg", data, 3, prepare=True)


def pngs():
    image = Image.fromarray(photo())
    rgba = photo(channels=4)
    add("rgb.png", saved(image, "PNG"), 0, prepare=True)
    add("rgba.png", saved(Image.fromarray(rgba, "RGBA"), "PNG"), 1, prepare=True)
    add("grey.png", saved(image.convert("L"), "PNG"), 0)
    add("grey_alpha.png", saved(Image.fromarray(rgba, "RGBA").convert("LA"), "PNG"), 1)
    add("bit.png", saved(image.convert("1"), "PNG"), 0)
    palette = image.quantize(60)
    add("palette.png", saved(palette, "PNG"), 0)
    add("palette_4bit.png", saved(image.quantize(13), "PNG"), 0)
    alphas = bytes(index * 4 for index in range(60))
    add("palette_trns.png", saved(palette, "PNG", transparency=alphas), 1, prepare=True)
    key = struct.pack(">HHH", *(int(v) for v in photo()[12, 20]))
    add("rgb_trns.png", png(photo(), 2, 8, [(b"tRNS", key)]), 1)
    add("orientation_6.png", saved(image, "PNG", exif=orientation(6)), 0, prepare=True)
    add("interlaced.png", png(photo(), 2, 8, interlace=True), 0)
    add("interlaced_rgba_3x2.png", png(photo(3, 2, 4), 6, 8, interlace=True), 1)
    wide = (rgba.astype(np.uint32) * 251 + np.arange(53)[None, :, None] * 7) % 65536
    eight = (wide + 128) // 257
    add("rgb16.png", png(wide[..., :3], 2, 16), 0, eight[..., :3].astype(np.uint8))
    add("rgba16.png", png(wide, 6, 16), 0, over_white(eight))
    grey = np.repeat(eight[..., :1], 3, axis=-1).astype(np.uint8)
    add("grey16.png", png(wide[..., 0], 0, 16), 0, grey)
    grey_alpha = over_white(eight[..., [0, 0, 0, 3]])
    add("grey_alpha16_interlaced.png", png(wide[..., [0, 3]], 4, 16, interlace=True), 0, grey_alpha)
    frames = [Image.fromarray(photo(shift=shift)) for shift in (1, 2)]
    add("animated.png", saved(image, "PNG", save_all=True, append_images=frames), 0)


def gifs():
    image = Image.fromarray(photo())
    palette = image.quantize(40)
    add("still.gif", saved(palette, "GIF"), 0, prepare=True)
    add("transparent.gif", saved(palette, "GIF", transparency=3), 0)
    frames = [Image.fromarray(photo(shift=shift)).quantize(40) for shift in (1, 2)]
    add("animated.gif", saved(palette, "GIF", save_all=True, append_images=frames, duration=40), 0)


def webps():
    image = Image.fromarray(photo())
    rgba = Image.fromarray(photo(channels=4), "RGBA")
    frames = [Image.fromarray(photo(shift=shift)) for shift in (1, 2)]
    add("lossy.webp", saved(image, "WEBP", quality=85), 2, prepare=True)
    add("lossless.webp", saved(image, "WEBP", lossless=True), 0)
    add("rgba_lossless.webp", saved(rgba, "WEBP", lossless=True), 1, prepare=True)
    add("rgba_lossy.webp", saved(rgba, "WEBP", quality=85), 2)
    add("animated.webp", saved(image, "WEBP", save_all=True, append_images=frames, lossless=True), 0)
    more = dict(save_all=True, append_images=[rgba.rotate(90)], quality=80)
    add("animated_rgba.webp", saved(rgba, "WEBP", **more), 2)
    add("orientation_8.webp", saved(image, "WEBP", lossless=True, exif=orientation(8)), 0, prepare=True)


def noise(width, height):
    """The tests make the same pattern; it wraps hard, so that overshoot is clipped often."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = [((x * x * 3 + y * y * 5 + x * y * 7 + c * 85) >> 3) & 255 for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def blocks(width, height):
    y, x = np.mgrid[0:height, 0:width]
    plane = (((x // 5 + y // 3) & 1) * 255).astype(np.uint8)
    return np.stack([plane, 255 - plane, plane], axis=-1)


def resizes():
    sizes = [
        (640, 480, 64, 64), (1000, 667, 64, 64), (33, 47, 64, 64), (65, 63, 64, 64),
        (64, 64, 64, 64), (64, 30, 64, 64), (1, 1, 16, 16), (1, 200, 32, 32), (200, 1, 32, 32),
        (2, 3, 40, 24), (2000, 3, 64, 64), (3, 1500, 48, 48), (4096, 16, 32, 48), (300, 200, 63, 31),
        (16, 16, 17, 15), (127, 129, 64, 64), (5, 7, 64, 64), (16384, 2, 24, 24),
    ]
    for width, height, to_width, to_height in sizes:
        for pattern in (noise, blocks):
            name = f"{pattern.__name__}_{width}x{height}_{to_width}x{to_height}.png"
            image = Image.fromarray(pattern(width, height))
            image.resize((to_width, to_height), Image.Resampling.BICUBIC).save(EXPECTED / name, optimize=True)
            CASES["resize"].append({
                "pattern": pattern.__name__, "width": width, "height": height, "expected": name,
            })


def main():
    for folder in (PICTURES, EXPECTED):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
    jpegs()
    pngs()
    gifs()
    webps()
    resizes()
    (HERE / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")


main()
