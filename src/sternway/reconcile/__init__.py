"""The loop that makes what runs equal to what the ledger says: observe, plan, apply."""
