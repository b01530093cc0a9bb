"""Studies in from a PACS, results back to it; needs ``pip install ho-imaging[pacs]``."""
