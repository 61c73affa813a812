"""``python -m vault`` is the command ``callvault``."""

from vault.cli.main import main

if __name__ == "__main__":
    main()
