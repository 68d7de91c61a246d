"""Papers of a ticket: voucher, repair agreement, stop-use notice, as pages and as PDF."""
