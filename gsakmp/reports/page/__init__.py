"""A capture as one HTML file: ladder, message tree and octets, linked, without server or network.

`write_page` takes opened messages as they come and writes the file as they come: memory stays flat, whatever
the capture's size. The page holds its data as blocks of compressed JSON and inflates the one that is looked
at. `gsakmp.reports.page.data` says what is in them.
"""

from __future__ import annotations

from gsakmp.reports.page.writer import MOST_MESSAGES, USUAL_MESSAGES, Written, write_page

__all__ = ["MOST_MESSAGES", "USUAL_MESSAGES", "Written", "write_page"]
