"""``ho-imaging simulate --out DIR --count N --seed S``."""

from __future__ import annotations

import argparse
import sys

from ho_imaging.cli.common import add_out_argument
from ho_imaging.vocabulary import spell

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_out_argument(parser, "ho_simulated", "folder for the studies")
    parser.add_argument("--count", type=int, default=8, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="first seed (default: %(default)s)")
    parser.add_argument(
        "--region",
        type=spell,
        choices=["pelvis", "hip", "thigh", "knee", "residual_limb"],
        help="what the films show (default: both hips or one, by chance)",
    )
    parser.add_argument(
        "--view",
        type=spell,
        choices=["ap", "frog_leg", "lateral", "cross_table_lateral"],
        help="the projection (default: by chance)",
    )
    parser.add_argument(
        "--pixel-mm", type=float, default=0.3, metavar="MM", help="detector pitch (default: %(default)s)"
    )
    parser.add_argument(
        "--unseen-styles",
        action="store_true",
        help="give ectopic bone shapes that no training film has, to test on",
    )
    parser.add_argument(
        "--injured",
        action="store_true",
        help="break bones of six hips in ten and give a third severe arthrosis (hips and pelves)",
    )
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="write two visits of each patient (hips and pelves), with known growth between them",
    )
    parser.add_argument(
        "--cases",
        action="store_true",
        help="write training cases, and a fifth as many to validate and calibrate on, instead of DICOM",
    )


def run(options: argparse.Namespace) -> int:
    """Simulate; print the folder of each study."""
    from ho_imaging.errors import UsageError  # noqa: PLC0415  (nothing loads before a command runs)

    if options.count < 1 or options.seed < 0 or not 0.08 <= options.pixel_mm <= 2.0:
        raise UsageError("needs --count of at least 1, --seed of at least 0 and --pixel-mm between 0.08 and 2")
    if options.cases and options.unseen_styles:
        raise UsageError(
            "training never sees them; validation cases have them anyway", remedy="leave out --unseen-styles"
        )
    if options.cases and options.injured:
        raise UsageError("some training cases have injuries anyway", remedy="leave out --injured")
    if options.cases:
        from ho_imaging.training.generate import write_cases  # noqa: PLC0415

        # Tested are studies of other seeds, as films.
        write_cases(options.out, train=options.count, val=max(1, options.count // 5), seed=options.seed)
        sys.stdout.write(f"{options.out}\n")
        return 0
    from ho_imaging.simulation.hip_plan import INJURED, WORN, HipPlan  # noqa: PLC0415
    from ho_imaging.simulation.limb_scene import LIMB_REGIONS, LimbPlan  # noqa: PLC0415
    from ho_imaging.simulation.ossification import Styles  # noqa: PLC0415
    from ho_imaging.simulation.studies import write_study  # noqa: PLC0415
    from ho_imaging.vocabulary import Region, View  # noqa: PLC0415

    region = None if options.region is None else Region(options.region)
    view = None if options.view is None else View(options.view)
    limb = region in LIMB_REGIONS
    if options.injured and limb:
        raise UsageError("injuries are simulated of hips and pelves", remedy="leave out --region or --injured")
    if view is not None and (view in {View.FROG_LEG, View.CROSS_TABLE_LATERAL} if limb else view is View.LATERAL):
        raise UsageError(f"no {view.value} of a {options.region or 'hip'} is simulated", remedy="leave out --view")
    styles = Styles.UNSEEN if options.unseen_styles else Styles.USUAL
    plan: HipPlan | LimbPlan
    if limb:
        plan = LimbPlan(pixel_mm=options.pixel_mm, region=region, view=view, styles=styles)
    else:
        injured, worn = (INJURED, WORN) if options.injured else (0.0, 0.0)
        plan = HipPlan(pixel_mm=options.pixel_mm, region=region, view=view, styles=styles, injured=injured, worn=worn)
    if options.pairs:
        if isinstance(plan, LimbPlan):
            raise UsageError(
                "pairs are simulated of hips and pelves", remedy="leave out --region or choose one of these"
            )
        from ho_imaging.simulation.followup import COURSES, write_pair  # noqa: PLC0415

        for number in range(options.count):
            course = COURSES[number % len(COURSES)]
            sys.stdout.write(f"{write_pair(options.out, options.seed + number, course, plan)}\n")
            sys.stdout.flush()
        return 0
    for number in range(options.count):
        sys.stdout.write(f"{write_study(options.out, options.seed + number, plan)}\n")
        sys.stdout.flush()
    return 0
