"""Readings: what readers decided, what it rests on, and how well readers agree.

Importing this loads no pipeline, no OpenCV and no torch.
"""
