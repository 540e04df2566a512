"""Pictures of things never taught: what is charged in silence, and how often a person is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.dish.calibration import Calibration, Case
from models.dish.recogniser import judge
from models.evaluate.few_shot import SEED, means
from models.evaluate.halves import half
from models.evaluate.report import Curve, Plot, Table, wilson

MENU: Final = 12  # dishes on offer at one time; a menu of the day has about as many


@dataclass(frozen=True, slots=True)
class Trial:
    """One picture against a menu with or without its own class: the likenesses, best first."""

    name: str
    taught: bool
    likenesses: tuple[tuple[str, float], ...]


def trials(vectors: NDArray[np.float32], names: Sequence[str], *, menu: int = MENU) -> list[Trial]:
    """Each picture twice, all others being taught: its class on the menu (where it has another picture), and not."""
    chance = np.random.default_rng(SEED)
    classes: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        classes.setdefault(name, []).append(index)
    found = []
    for index, name in enumerate(names):
        others = sorted(set(classes) - {name})
        drawn = [others[pick] for pick in chance.permutation(len(others))[:menu]]
        own = [each for each in classes[name] if each != index]
        for taught in (True, False):
            if taught and not own:
                continue
            shown = {each: classes[each] for each in drawn} | ({name: own} if taught else {})
            kinds, middle = means(vectors, shown)
            likeness = middle @ vectors[index]
            order = np.argsort(-likeness, kind="stable")
            found.append(Trial(name, taught, tuple((kinds[each], float(likeness[each])) for each in order)))
    return found


def cases(found: Sequence[Trial], part: str) -> list[Case]:
    """What a calibration learns from, of one half."""
    return [
        Case(trial.likenesses[0][1], trial.likenesses[1][1], trial.taught and trial.likenesses[0][0] == trial.name)
        for trial in found
        if part in ("all", half(trial.name)) and len(trial.likenesses) > 1
    ]


def outcomes(found: Sequence[Trial], calibration: Calibration, part: str) -> dict[str, Any]:
    """Shares with intervals: of taught things accepted right and wrong and asked about, of others accepted."""
    known = [trial for trial in found if trial.taught and part in ("all", half(trial.name))]
    strange = [trial for trial in found if not trial.taught and part in ("all", half(trial.name))]
    told = [(trial, judge(trial.likenesses, calibration)) for trial in known]
    accepted = [(trial, answer) for trial, answer in told if answer.outcome == "known"]
    right = sum(answer.dish == trial.name for trial, answer in accepted)
    doubt = [answer.dish == trial.name for trial, answer in told if answer.outcome != "known"]
    taken = sum(judge(trial.likenesses, calibration).outcome == "known" for trial in strange)
    return {
        "known_accepted_right": wilson(right, len(known)).as_json(),
        "known_accepted_wrong": wilson(len(accepted) - right, len(known)).as_json(),
        "known_asked": wilson(len(known) - len(accepted), len(known)).as_json(),
        "doubt_first_right": wilson(sum(doubt), len(doubt)).as_json(),
        "unknown_accepted": wilson(taken, len(strange)).as_json(),
    }


def asking_curve(name: str, found: Sequence[Trial], calibration: Calibration) -> Plot:
    """How the share asked and the share wrong move with the level from which an answer is accepted."""
    known = [trial for trial in found if trial.taught]
    strange = [trial for trial in found if not trial.taught]
    sure = [(trial, judge(trial.likenesses, calibration)) for trial in known]
    other = [judge(trial.likenesses, calibration).sure for trial in strange]
    levels = [step / 50 for step in range(51)]
    asked = [(level, sum(each.sure < level for _, each in sure) / max(1, len(sure))) for level in levels]
    wrong = [
        (level, sum(each.sure >= level and each.dish != trial.name for trial, each in sure) / max(1, len(sure)))
        for level in levels
    ]
    taken = [(level, sum(each >= level for each in other) / max(1, len(other))) for level in levels]
    curves = [Curve("taught: asked", asked), Curve("taught: wrong", wrong), Curve("not taught: charged", taken)]
    return Plot(name, "Asking, by the level from which an answer is accepted", "accepted from", "share", curves)


def open_table(systems: Mapping[str, Any]) -> Table:
    """What was said of taught things and of others, by system and half."""
    lines: list[list[object]] = []
    for label, result in systems.items():
        for part, found in result.get("open_set", {}).items():
            lines += [
                [
                    label,
                    part,
                    name.replace("_", " "),
                    f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})",
                    figure["n"],
                ]
                for name, figure in found.items()
            ]
    return Table(
        f"Taught and never taught, {MENU} dishes on the menu", ["system", "classes", "what", "share", "n"], lines
    )


def lead_table(systems: Mapping[str, Any]) -> Table:
    """By how much each system is above the base line on the same pictures."""
    lines: list[list[object]] = [
        [label, name.replace("_", " "), f"{figure['value']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"]
        for label, result in systems.items()
        for name, figure in result.get("lead_over_base_line", {}).items()
    ]
    return Table("Lead over the base line", ["system", "pictures taught", "lead"], lines)
