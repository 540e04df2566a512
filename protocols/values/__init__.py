"""Money in fen, ids, instants, and the errors shared by every decoder."""
