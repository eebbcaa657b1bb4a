"""`python -m lamina`: a demonstration, and a look at the installation."""

import sys

from lamina.cli.main import main

sys.exit(main())
