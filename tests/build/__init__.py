"""The values, records and cases that tests begin with: the one home of builders."""
