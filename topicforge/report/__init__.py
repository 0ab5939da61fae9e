"""The report: one HTML file that holds everything it shows and opens without a network."""

from topicforge.report.collect import Documents, collect
from topicforge.report.page import LANGUAGES, check, page

__all__ = ["LANGUAGES", "Documents", "check", "collect", "page"]
