"""What the scale protocols have in common: one reading in integer milligrams and exact units."""
