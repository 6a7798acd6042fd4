"""``python -m sklearn_m3s`` is the command ``m3s``."""

from sklearn_m3s.cli import main

if __name__ == "__main__":
    main()
