"""Image quality flags for lossy compression."""

from __future__ import annotations

from ho_imaging.messages import Message
from ho_imaging.reading.compression import Codec, Compression
from ho_imaging.reading.radiograph import QualityFlag

__all__ = ["compression_flags"]

_NAMES = {Codec.JPEG: "JPEG", Codec.JPEG_LS: "JPEG-LS", Codec.JPEG_2000: "JPEG 2000"}


def compression_flags(compression: Compression) -> list[QualityFlag]:
    """Return the quality flag of a film that went through lossy compression, or none."""
    if not compression.is_lossy:
        return []
    how = [name for name in [_NAMES.get(compression.codec)] if name is not None]
    if compression.jpeg_quality is not None:
        how = [f"JPEG {compression.jpeg_quality}"]
    if compression.near:
        how.append(f"+-{compression.near}")
    if compression.ratio is not None:
        how.append(f"{compression.ratio:.0f}:1")
    message = Message("lossy_compression_known", how=how) if how else Message("lossy_compression")
    return [QualityFlag("lossy_compression", message)]
