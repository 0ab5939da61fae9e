"""``python -m topicforge``."""

from topicforge.cli import main

if __name__ == "__main__":
    main()
