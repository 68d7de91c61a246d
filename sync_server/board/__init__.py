"""What the dispatch board reads: a day of engineers and their work, and who suits a ticket."""
