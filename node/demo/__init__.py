"""The demo: the whole way of one study on one machine, each step by the real program, then checked at the PACS."""
