"""Reads radiographs, outlines heterotopic ossification, measures every nodule and grades each study."""
