"""`python -m naba.cli`."""

import sys

from naba.cli import main

sys.exit(main())
