"""What the gate refuses by the picture alone: films of other things, films of hips, and real films of whatever kind.

    python benchmarks/scope_gate.py --hips STUDIES [--model hip] [--others 60] [--films FOLDER]

``--hips``: studies of ``ho-imaging simulate``, the first hundred of which are read. Other regions, test objects and
blanks are simulated here. No film's region is believed: every one is said to be of an unknown region. Prints JSON; of
real films below FOLDER each with its reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ho_imaging import Analyzer
from ho_imaging.reading import discover
from ho_imaging.simulation.dicom_writer import write_dx
from ho_imaging.simulation.film import make_film
from ho_imaging.simulation.other_scene import sample_other_scene
from ho_imaging.vocabulary import Region, Status

FIRST_SEED = 800_000_000
HIPS = 100


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hips", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--others", type=int, default=60)
    parser.add_argument("--films", type=Path)
    options = parser.parse_args()
    analyzer = Analyzer(options.model, region=Region.UNKNOWN)
    let_through: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.others):
            seed = FIRST_SEED + number
            scene = sample_other_scene(seed, pixel_mm=0.4)
            path = Path(folder) / f"{number}.dcm"
            write_dx(make_film(scene, number), scene, path, seed=seed)
            if analyzer.analyze_films([path]).result.status != Status.REFUSED:
                let_through[str(scene.truth["kind"])] += 1
    hips = sorted(options.hips.glob("*/film.dcm"))[:HIPS]
    refused = {
        path.parent.name: str(image.reason)
        for path in hips
        for image in analyzer.analyze_films([path]).result.images
        if image.status != Status.DONE
    }
    report = {
        "model": f"{analyzer.model.identity.name} {analyzer.model.identity.version}",
        "others": options.others,
        "others_let_through": dict(let_through),
        "hips": len(hips),
        "hips_refused": refused,
    }
    if options.films is not None:
        report["films"] = [
            {
                "film": str(image.path.name),
                "status": str(result.status),
                "reason": None if result.images[0].reason is None else str(result.images[0].reason),
                "findings": len(result.findings),
            }
            for study in discover([options.films]).studies
            for image in study.images
            for result in [analyzer.analyze_films([image]).result]
        ]
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
