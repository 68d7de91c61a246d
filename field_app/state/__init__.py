"""View-models of the app: plain Python, one per screen, testable without a page."""
