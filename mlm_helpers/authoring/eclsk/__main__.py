"""``python -m mlm_helpers.authoring.eclsk``: the lecture's table from the public-use file."""

import sys

from mlm_helpers.authoring.eclsk.build import main

if __name__ == "__main__":
    sys.exit(main())
