"""What people were told: the receipts that a screen has shown, kept apart from every book of the product."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """Receipts of one gateway by entry id ('device-epoch-seq'), and what screens said after a restart."""

    told: dict[str, int] = field(default_factory=dict)  # entry -> amount in fen, shown as paid
    last_charges: dict[str, int] = field(default_factory=dict)  # entry -> amount, shown as the last charge (rule 18)
    refunded: dict[str, int] = field(default_factory=dict)  # entry of the sale -> amount given back
    refused: dict[str, int] = field(default_factory=dict)  # word -> times
    settled_s: list[float] = field(default_factory=list)  # from the tap to the receipt on the screen
    contradictions: list[str] = field(default_factory=list)

    def tell(self, entry: str, amount_fen: int) -> None:
        """A screen shows that this was paid."""
        if self.told.setdefault(entry, amount_fen) != amount_fen:
            self.contradictions.append(f"{entry} was shown as {self.told[entry]} and as {amount_fen} fen")

    def tell_last_charge(self, entry: str, amount_fen: int) -> None:
        """A screen shows, after a restart, a charge that it is not known to have shown."""
        self.last_charges[entry] = amount_fen

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
