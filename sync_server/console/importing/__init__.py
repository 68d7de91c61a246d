"""Import: a table is looked at first, every fault by line and column, then all of it or nothing."""
