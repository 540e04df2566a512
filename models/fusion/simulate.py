"""Simulated trays through `decide`: `python -m models.fusion.simulate --trays 300000`. Every figure is simulated.

How often a dish is accepted rightly, wrongly or in doubt is taken from the evaluation (a JSON file of `python -m models
evaluate products` or `dishes`) where one is given; the other rates are assumptions, printed with the result.
"""

import argparse
import json
import random
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from models.evaluate.report import upper_95, wilson
from models.fusion.decision import Ask, Charge, Chip, Decision, Expected, Sight, Weighed, decide

_WARES: Final = ("bowl", "plate", "dish", "soup")
_DISHES: Final = 16


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each thing goes wrong; per plate unless said otherwise."""

    chip_missed: float = 0.005
    chip_stray: float = 0.005  # per tray: one more chip, from beside it
    chip_twice: float = 0.05
    chip_bound_wrong: float = 0.002  # the plate was filled with another dish than its chip is bound to
    plate_without_chip: float = 0.002
    foreign_thing: float = 0.005  # per tray: a thing that is no dish of the menu
    foreign_accepted: float = 0.02  # and the camera takes it for a dish
    camera_missed: float = 0.02
    camera_extra: float = 0.005  # per tray
    dish_right: float = 0.75
    dish_wrong: float = 0.005
    doubt_right: float = 0.9  # of the doubtful, the first candidate is right
    doubt_second: float = 0.5  # and of those where it is not, the second
    ware_told: float = 0.9
    ware_wrong: float = 0.005
    portion_spread: float = 0.12
    scale_noise_g: float = 2.0


def measured(path: Path, rates: Rates, *, system: str = "fetched", part: str = "report") -> Rates:
    """The camera's rates from an evaluation's JSON file."""
    found = json.loads(path.read_text(encoding="utf-8"))["systems"][system]["open_set"][part]
    return replace(
        rates,
        dish_right=found["known_accepted_right"]["value"],
        dish_wrong=found["known_accepted_wrong"]["high"],
        doubt_right=found["doubt_first_right"]["value"],
        foreign_accepted=found["unknown_accepted"]["high"],
    )


class World:
    """A canteen's menu and the trays of its diners, from a seed."""

    def __init__(self, rates: Rates, *, seed: int, chips: bool = True, camera: bool = True, scale: bool = True) -> None:
        self.rates, self.chance = rates, random.Random(seed)  # noqa: S311  a seed that repeats is the point
        self.chips, self.camera, self.scale = chips, camera, scale
        self.menu: dict[str, tuple[str, int]] = {}
        self.expected: dict[str, Expected] = {}
        for number in range(_DISHES):
            ware = _WARES[number % len(_WARES)]
            self.menu[f"d{number}"] = ware, 200 + 50 * number
            food_g = 90.0 + 17 * (number * 7 % _DISHES)
            self.expected[f"d{number}"] = Expected(250.0 + food_g, rates.portion_spread * food_g)
        self._dishes = list(self.menu)

    def tray(self) -> tuple[list[str], bool, Decision]:
        """What was really taken, whether something foreign lies there too, and what was decided."""
        rates, chance = self.rates, self.chance
        taken = [chance.choice(self._dishes) for _ in range(chance.choices((1, 2, 3, 4, 5), (15, 30, 35, 15, 5))[0])]
        foreign = chance.random() < rates.foreign_thing
        chips = self._read(taken) if self.chips else None
        sights = self._see(taken, foreign=foreign) if self.camera else None
        weighed = Weighed(self._weight(taken, foreign=foreign)) if self.scale else None
        return taken, foreign, decide(chips, sights, weighed, expected=self.expected, menu=self.menu)

    def _read(self, taken: list[str]) -> list[Chip]:
        rates, chance = self.rates, self.chance
        read = []
        for place, dish in enumerate(taken):
            if chance.random() < rates.chip_missed + rates.plate_without_chip:
                continue
            bound = self._other(dish) if chance.random() < rates.chip_bound_wrong else dish
            chip = self._chip(f"c{place}", bound)
            read += [chip, chip] if chance.random() < rates.chip_twice else [chip]
        if chance.random() < rates.chip_stray:
            read.append(self._chip("stray", chance.choice(self._dishes)))
        return read

    def _chip(self, uid: str, dish: str) -> Chip:
        ware, price_fen = self.menu[dish]
        return Chip(uid, ware, dish, price_fen)

    def _see(self, taken: list[str], *, foreign: bool) -> list[Sight]:
        rates, chance = self.rates, self.chance
        seen = [self._sight(dish) for dish in taken if chance.random() >= rates.camera_missed]
        if foreign and chance.random() >= rates.camera_missed:
            taken_for = chance.random() < rates.foreign_accepted
            seen.append(Sight(None, chance.choice(self._dishes), "known" if taken_for else "unknown"))
        if chance.random() < rates.camera_extra:
            seen.append(Sight(None, chance.choice(self._dishes), "unknown"))
        return seen

    def _sight(self, dish: str) -> Sight:
        rates, chance = self.rates, self.chance
        ware: str | None = self.menu[dish][0]
        luck = chance.random()
        if luck >= rates.ware_told:
            ware = None
        elif luck < rates.ware_wrong:
            ware = chance.choice(_WARES)
        luck = chance.random()
        if luck < rates.dish_right:
            return Sight(ware, dish, "known")
        if luck < rates.dish_right + rates.dish_wrong:
            return Sight(ware, self._other(dish), "known")
        if chance.random() < rates.doubt_right:
            return Sight(ware, dish, "ask", self._other(dish))
        second = dish if chance.random() < rates.doubt_second else self._other(dish)
        return Sight(ware, self._other(dish), "ask", second)

    def _weight(self, taken: list[str], *, foreign: bool) -> float:
        expected = [self.expected[dish] for dish in taken]
        grams = sum(self.chance.gauss(each.mean_g, each.deviation_g) for each in expected)
        return grams + self.chance.gauss(0, self.rates.scale_noise_g) + (self.chance.uniform(30, 400) if foreign else 0)

    def _other(self, dish: str) -> str:
        while (other := self.chance.choice(self._dishes)) == dish:
            pass
        return other


def run(trays: int, world: World) -> dict[str, Any]:
    """Silent wrong charges with their 95 % upper bound, and how often the lane asks and why."""
    wrong = wrong_lines = asked = needless = 0
    why: Counter[str] = Counter()
    for _ in range(trays):
        taken, foreign, decision = world.tray()
        if isinstance(decision, Charge):
            right = sum(world.menu[dish][1] for dish in taken)
            wrong += decision.total_fen != right or foreign
            wrong_lines += sorted(line.dish or "" for line in decision.lines) != sorted(taken)
        elif isinstance(decision, Ask):
            asked += 1
            why.update(str(reason) for reason in decision.reasons)
            needless += not foreign and sorted(line.dish or "" for line in decision.lines) == sorted(taken)
    return {
        "simulated": True,
        "trays": trays,
        "silent_wrong_charges": wrong,
        "silent_wrong_share": wrong / trays,
        "silent_wrong_upper_95": upper_95(wrong, trays),
        "silent_wrong_dish": wrong_lines,
        "asked": wilson(asked, trays).as_json(),
        "asked_though_right": needless / trays,
        "asked_why": dict(why.most_common()),
    }


def main(arguments: list[str]) -> int:
    """Print one JSON line for each set of parts a lane may have."""
    parser = argparse.ArgumentParser(prog="python -m models.fusion.simulate")
    parser.add_argument("--trays", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=20261120)
    parser.add_argument("--rates", type=Path, help="products.json or dishes.json of an evaluation")
    parser.add_argument("--system", default="fetched")
    options = parser.parse_args(arguments)
    rates = measured(options.rates, Rates(), system=options.system) if options.rates else Rates()
    for parts in (("chips", "camera", "scale"), ("chips", "camera"), ("chips", "scale"), ("camera", "scale")):
        world = World(rates, seed=options.seed, **{part: part in parts for part in ("chips", "camera", "scale")})
        line = {"lane": "+".join(parts), **run(options.trays, world)}
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.write(json.dumps({"simulated": True, "rates": asdict(rates)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
