"""The engineer's and the customer's program (Flet): works without a network, syncs when there is one."""
