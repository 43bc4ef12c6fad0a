"""Measures onespace against other inference engines and another server."""
