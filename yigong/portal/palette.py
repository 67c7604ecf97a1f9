"""Writes a picture with 256 colors, a third of its size: the browser counts the colors, the file is written here."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

#: the 256 most frequent colors (to 5 bits a channel, each the mean of what it stands for) and every pixel's nearest of them
_COUNT = """async data => {
  const image = new Image(); image.src = 'data:image/png;base64,' + data; await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height), pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
  const px = pen.getImageData(0, 0, image.width, image.height).data, seen = new Map(), total = px.length / 4;
  const key = i => (px[i] >> 3) << 10 | (px[i + 1] >> 3) << 5 | px[i + 2] >> 3;
  for (let i = 0; i < px.length; i += 4) { const k = key(i); let s = seen.get(k); if (!s) seen.set(k, s = [0, 0, 0, 0]); s[0]++; for (let c = 0; c < 3; c++) s[c + 1] += px[i + c]; }
  const mean = s => [s[1] / s[0], s[2] / s[0], s[3] / s[0]].map(Math.round);
  const colors = [...seen.values()].sort((a, b) => b[0] - a[0]).slice(0, 256).map(mean), nearest = new Map();
  for (const [k, s] of seen) { const m = mean(s); let best = 0, far = Infinity; colors.forEach((c, n) => { const d = (c[0] - m[0]) ** 2 + (c[1] - m[1]) ** 2 + (c[2] - m[2]) ** 2; if (d < far) { far = d; best = n; } }); nearest.set(k, best); }
  const out = new Uint8Array(total); for (let n = 0; n < total; n++) out[n] = nearest.get(key(n * 4));
  let text = ''; for (let n = 0; n < total; n += 32768) text += String.fromCharCode(...out.subarray(n, n + 32768));
  return { width: image.width, height: image.height, colors, indexes: btoa(text) };
}"""


def smaller(page: Any, picture: bytes) -> bytes:
    """The PNG *picture* as a PNG of 256 colors, counted in the browser *page*."""
    found = page.evaluate(_COUNT, base64.b64encode(picture).decode())
    width, height = found["width"], found["height"]
    pixels = base64.b64decode(found["indexes"])
    lines = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    palette = b"".join(bytes(color) for color in found["colors"])
    parts = (
        _chunk(b"IHDR", head),
        _chunk(b"PLTE", palette),
        _chunk(b"IDAT", zlib.compress(lines, 9)),
        _chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
