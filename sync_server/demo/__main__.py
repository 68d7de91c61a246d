"""`python -m sync_server.demo`: what `make demo` runs."""

import sys

from sync_server.demo import main

sys.exit(main())
