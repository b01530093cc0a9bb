"""JPEG with 12 bits a sample (ITU-T T.81 extended process), which pydicom hands to no decoder, by GDCM."""

from __future__ import annotations

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import JPEGExtended12Bit

__all__ = ["decode_12_bit_jpeg"]

_PRECISION = 12


def decode_12_bit_jpeg(data: bytes, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Decode one grey frame, whose own header has been seen to state ``shape`` and 12 bits.

    Whatever the DICOM header says of bits, GDCM is told 12: with fewer it wraps what the codec overshoots.

    Raises
    ------
    ValueError
        If the data is damaged.

    """
    rows, columns = shape
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(JPEGExtended12Bit))))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, _PRECISION, _PRECISION - 1, 0))
    text = image.GetBuffer()
    if text is None:
        raise ValueError("GDCM cannot read it")
    values = np.frombuffer(text.encode("utf-8", "surrogateescape"), dtype="<u2")
    if values.size != rows * columns:
        raise ValueError(f"{values.size} pixels where {rows * columns} are needed")
    return values.reshape(shape)
