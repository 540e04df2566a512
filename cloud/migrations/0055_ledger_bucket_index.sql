-- With all of the key in it, this index is never worse than the primary one for looking up single accounts: on
-- (bucket, site, epoch) alone a plan made before the first statistics could read a whole site for each account.
DROP INDEX ledger_balances_bucket;
CREATE INDEX ledger_balances_bucket ON ledger_balances (bucket, site, epoch, owner_kind, owner);
