"""The radiographic part of the elbow's classes (Hastings and Graham, Hand Clin 1994;10:417).

I: seen on the film, motion free. II: motion limited. III: ankylosis. Which it is takes the range of motion; a film
alone says no more than whether there is ectopic bone. The wording was not confirmed in a published text: results
carry a mark.
"""

from __future__ import annotations

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category
from ho_imaging.severity.layout import Arrangement
from ho_imaging.severity.systems.system import Measured, Rule, System
from ho_imaging.vocabulary import Region

__all__ = ["HASTINGS_GRAHAM"]

_ANY = "I to III: motion needed"
"""Classes that take more than a film: they have one name."""


def _refuses(view: SideView) -> Message | None:
    if view.film.prepared.radiograph.region.value is not Region.ELBOW:
        return Message("only_elbows")
    return None


def _rule(_: SideView) -> Rule:
    def grade(arrangement: Arrangement, _: Measured) -> str | None:
        return _ANY if arrangement.pieces else "0"

    return grade


HASTINGS_GRAHAM = System(
    name="hastings_graham",
    title="Hastings-Graham class, radiographic part",
    short="Hastings-Graham",
    citation="Hastings and Graham, Hand Clin 1994;10:417",
    confirmed=False,
    grades=("0", _ANY),
    categories={"0": Category.NONE, _ANY: Category.MILD},
    code="HG",
    no_bone="0",
    spellings=dict.fromkeys(("i", "ii", "iii", "1", "2", "3", "4"), _ANY),
    refuses=_refuses,
    rule=_rule,
)
