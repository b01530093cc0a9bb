"""Formats of annotation tools, a module each; docs/outputs.md states each tool's own convention of pixel centres."""
