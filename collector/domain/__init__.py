"""The rules of the data side: guards, then one transaction, which also adds the job for what must follow."""
