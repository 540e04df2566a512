"""One ledger of integers: accounts, transfers and the pure rules that keep balances (offline.md rules 1 to 13)."""
