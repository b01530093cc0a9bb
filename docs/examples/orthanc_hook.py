"""Orthanc plug-in: a study at rest is analysed, and its results are stored beside its films (docs/pacs.md)."""

import json
import os
import subprocess
import tempfile
import threading
from pathlib import Path

import orthanc

PROGRAM = os.environ.get("HO_IMAGING", "ho-imaging")


def analyse(films):
    """Write films to a folder, call the program, take its objects back."""
    with tempfile.TemporaryDirectory() as folder:
        for number, identifier in enumerate(films):
            Path(folder, f"{number}.dcm").write_bytes(orthanc.GetDicomForInstance(identifier))
        command = [PROGRAM, "-q", "analyze", folder, "--out", f"{folder}/out", "--dicom"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        orthanc.LogWarning(f"ho-imaging: {done.stdout.strip()[:200] or done.stderr.strip()[-200:]}")
        for path in Path(folder, "out").glob("studies/*/dicom/*.dcm"):
            orthanc.RestApiPost("/instances", path.read_bytes())


def on_change(change, _level, study):
    """Take up a study at rest, unless it is so because of our own results."""
    if change == orthanc.ChangeType.STABLE_STUDY:
        films = [item["ID"] for item in json.loads(orthanc.RestApiGet(f"/studies/{study}/instances"))]
        tags = [json.loads(orthanc.RestApiGet(f"/instances/{film}/simplified-tags")) for film in films]
        if not any(tag.get("Manufacturer") == "ho_imaging" for tag in tags):
            threading.Thread(target=analyse, args=(films,), daemon=True).start()


orthanc.RegisterOnChangeCallback(on_change)
