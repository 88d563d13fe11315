"""``python -m trio_chat``."""

import sys

from trio_chat.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
