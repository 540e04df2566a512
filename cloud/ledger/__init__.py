"""The books: transfers, floored balances and leases of them to sites. `service.py` is the door for domains.

Words: *line* a row of `ledger_transfers`; *cause* what a line was posted for; *available* a person's balance that no
site holds; *at* the part leased to a site under an epoch.
"""
