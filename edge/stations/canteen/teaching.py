"""Operators teach a vision lane: a dish corrected on the screen, or taught from 3 to 10 pictures taken at the counter.

Every picture kept has who gave it and when (the album's trail); a correction also has what had been told before. On a
counter with a scale the portion's weight is learnt too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from edge.core.log import logger
from edge.kiosk.server import Act
from edge.stations.canteen.eyes import MOST_TAUGHT, TeachingRefused
from edge.stations.canteen.texts import denial
from protocols.canteen.reference import Operator

if TYPE_CHECKING:
    from edge.stations.canteen.vision_shell import VisionShell

Answer = dict[str, Any]

_log = logger("canteen.teaching")


class Teaching:
    """The pictures of one dish under way at one lane."""

    def __init__(self, shell: "VisionShell") -> None:
        self._shell = shell
        self._dish = 0
        self._taken: list[Any] = []
        self._grams: list[float] = []

    def acts(self) -> Mapping[str, Callable[[Act, Operator], Awaitable[Answer]]]:
        """By name."""
        return {
            "choose": self._correct,
            "teach_take": self._take,
            "teach_keep": self._keep,
            "teach_drop": self._drop,
        }

    async def _correct(self, act: Act, operator: Operator) -> Answer:
        """What the dish is, for this bill at once; and learnt for the next ones."""
        shell = self._shell
        item, seen = shell.item(act), shell.seen
        answer = shell.choose(act, operator=operator.id)
        if item is None or not answer.get("ok", True):
            return answer
        dish = int(act.fields["dish"])
        learn = partial(shell.desk.eyes.correct, seen, item.box, dish, who=_who(operator))
        learnt = await shell.desk.looking.run(learn)
        _log.info("lane %s: operator %d says dish %d; learnt: %s", shell.lane.code, operator.id, dish, learnt)
        return {"learnt": learnt}

    async def _take(self, act: Act, _operator: Operator) -> Answer:
        """One more picture of the one dish on the counter. Another dish begins anew."""
        shell, dish = self._shell, int(act.fields["dish"])
        if shell.desk.catalogue.dish(dish, shell.desk.now_ms()) is None:
            return denial("unknown_dish")
        if dish != self._dish:
            self._dish, self._taken, self._grams = dish, [], []
        if len(self._taken) >= MOST_TAUGHT:
            return denial("enough_pictures")
        if shell.frame is None:
            raise TeachingRefused("nothing_to_see")
        cut = await shell.desk.looking.run(partial(shell.desk.eyes.single, shell.frame.picture))
        if dish == self._dish:
            self._taken.append(cut)
            grams = shell.grams()
            self._grams += [grams] if grams is not None and grams > 0 else []
        return {"taken": len(self._taken)}

    async def _keep(self, act: Act, operator: Operator) -> Answer:
        """Teach what was taken."""
        shell, dish = self._shell, int(act.fields["dish"])
        if dish != self._dish:
            raise TeachingRefused("few_pictures")
        teach = partial(shell.desk.eyes.teach, dish, tuple(self._taken), who=_who(operator))
        known = await shell.desk.looking.run(teach)
        if self._grams:
            await asyncio.to_thread(shell.desk.portions.learn, dish, tuple(self._grams))
        self._dish, self._taken, self._grams = 0, [], []
        shell.look_again()
        return {"known": known}

    async def _drop(self, _act: Act, _operator: Operator) -> Answer:
        self._dish, self._taken, self._grams = 0, [], []
        return {"taken": 0}


def _who(operator: Operator) -> str:
    """Ids only: names stay out of what is kept (rule 17's manner)."""
    return f"operator {operator.id}"
