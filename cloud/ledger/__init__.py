"""The books: transfers, floored balances, leases of them to sites. One ledger for every domain; `service.py` is its door.

Words: *line* a row of `ledger_transfers`; *cause* what a line was posted for; *available* a person's balance that no
site holds; *at* the part leased to a site under an epoch.
"""
