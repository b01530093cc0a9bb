"""Prepared film in, probability map per structure out."""
