"""Taking a call: who calls, about which unit, what is wrong, what he is told."""
