"""A figure that is kept: drawn once, and after that only what moved is drawn again.

The background (axes, ticks, labels, legend) is copied once as pixels. A move restores it, draws the
artists that were declared with :meth:`Stage.moving`, and encodes the pixels as a PNG at the fastest
compression. No pyplot is involved, so no figure is ever left open.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PUBLIC, PRIVATE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#555555"
DASHES: tuple[float, tuple[float, ...]] = (0, (5, 2))


class Stage:
    """A kept figure of ``width`` x ``height`` pixels and the artists on it that move."""

    def __init__(self, width: int, height: int, dpi: int = 100) -> None:
        # matplotlib's own annotations know neither artists' setters nor which axes they are on
        self.figure: Any = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self._moving: list[Any] = []
        self._background: Any = None

    def clear(self) -> None:
        """Start a new drawing on the same canvas."""
        self.figure.clear()
        self._moving.clear()
        self._background = None

    def moving(self, artist: Any) -> Any:
        """Declare an artist that moves."""
        artist.set_animated(True)
        self._moving.append(artist)
        self._moving.sort(key=lambda a: a.get_zorder())
        return artist

    def background_changed(self) -> None:
        """Draw the background again at the next picture: limits or labels have changed."""
        self._background = None

    def png(self) -> bytes:
        """The picture as it is now."""
        if self._background is None:
            self.canvas.draw()
            self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self._background)
        for artist in self._moving:
            if artist.get_visible():
                owner = artist.axes if artist.axes is not None else self.figure
                owner.draw_artist(artist)
        return encode_png(np.asarray(self.canvas.buffer_rgba()))


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode (h, w, 4) or (h, w, 3) bytes as an RGB PNG, as fast as zlib can.

    Each row is stored as its difference to the row above (PNG filter 2), so that plain areas and
    vertical edges become runs of zeros; run-length matching alone packs those well and takes two
    thirds of the time of zlib's ordinary fastest setting.
    """
    height, width = pixels.shape[:2]
    rgb = np.empty((height, width, 3), dtype=np.uint8)
    for channel in range(3):
        rgb[..., channel] = pixels[..., channel]
    flat = rgb.reshape(height, 3 * width)
    rows = np.empty((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    data = packer.compress(rows.data) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def tidy(ax: Any, title: str = "", x: str = "", y: str = "") -> Any:
    """The looks of all explorers: a light grid, no box, labels that can be read from afar."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#888888")
    ax.grid(True, color="#E6E6E6", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=9, color="#888888")
    ax.set_title(title, fontsize=10.5, loc="left")
    ax.set_xlabel(x, fontsize=9.5)
    ax.set_ylabel(y, fontsize=9.5)
    return ax


def bundle(x: np.ndarray, intercepts: np.ndarray, slopes: np.ndarray) -> tuple[Any, Any]:
    """Many straight lines as the coordinates of one: separated by NaN, drawn in one call."""
    count = len(intercepts)
    xs = np.full((count, 3), np.nan)
    xs[:, :2] = x
    ys = intercepts[:, None] + slopes[:, None] * xs
    return xs.ravel(), ys.ravel()
