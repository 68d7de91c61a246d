"""Policy: what is in force with every figure and source, what is blank, versions, adopting and filling."""
