"""Serial card readers that send a card's number as hex text with an XOR checksum."""
