"""Money set aside for people: buckets, subsidies, clearing, corrections, and what finance settles and agrees.

Balances live in `cloud.ledger`; this domain decides what is posted and why. Words: a bucket is a wallet or one dated
grant of it; a scene is how a lane kind deducts; an exception is a valid fact that broke a rule meanwhile.
"""
