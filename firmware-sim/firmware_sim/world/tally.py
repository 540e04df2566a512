"""What people were told: the receipts that a screen has shown, kept apart from every book of the product."""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tally:
    """Receipts of one gateway by entry id ('device-epoch-seq'), and what screens said after a restart."""

    told: dict[str, int] = field(default_factory=dict)  # entry -> amount in fen, shown as paid
    last_charges: dict[str, int] = field(default_factory=dict)  # entry -> amount, shown as the last charge (rule 18)
    refunded: dict[str, int] = field(default_factory=dict)  # entry of the sale -> amount given back
    refused: dict[str, int] = field(default_factory=dict)  # word -> times
    settled_s: list[float] = field(default_factory=list)  # from the tap to the receipt on the screen
    contradictions: list[str] = field(default_factory=list)
    paper: Path | None = None  # where people's memory outlives the campus's process

    def __post_init__(self) -> None:
        if self.paper is not None and self.paper.exists():
            for line in self.paper.read_text(encoding="utf-8").splitlines():
                kind, entry, amount_fen = json.loads(line)
                (self.told if kind == "told" else self.last_charges)[entry] = amount_fen

    def tell(self, entry: str, amount_fen: int) -> None:
        """A screen shows that this was paid."""
        if entry not in self.told:
            self.told[entry] = amount_fen
            self._note("told", entry, amount_fen)
        elif self.told[entry] != amount_fen:
            self.contradictions.append(f"{entry} was shown as {self.told[entry]} and as {amount_fen} fen")

    def tell_last_charge(self, entry: str, amount_fen: int) -> None:
        """A screen shows, after a restart, a charge that it is not known to have shown."""
        if entry not in self.last_charges:
            self.last_charges[entry] = amount_fen
            self._note("last", entry, amount_fen)

    def refuse(self, word: str) -> None:
        """A screen shows a refusal."""
        self.refused[word] = self.refused.get(word, 0) + 1

    @property
    def told_fen(self) -> int:
        """Everything people were told they paid, less what they were told they got back."""
        return sum(self.told.values()) - sum(self.refunded.values())

    @property
    def unshown(self) -> dict[str, int]:
        """Charges that only a last charge has shown."""
        return {entry: amount for entry, amount in self.last_charges.items() if entry not in self.told}

    def _note(self, kind: str, entry: str, amount_fen: int) -> None:
        if self.paper is not None:
            with self.paper.open("a", encoding="utf-8") as paper:
                paper.write(json.dumps([kind, entry, amount_fen]) + "\n")
