"""The simulator: the product's own sync engine with faked clock, network and disk. One seed is one history."""
