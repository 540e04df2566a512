"""The core: business records, ledger, sync with the edges, HTTP API and console."""
