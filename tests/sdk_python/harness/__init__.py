"""What the tests share: a real onespace process, a local web server for URL sources, pictures, plain HTTP.

Standard library only, so that `tests/bad_input` and `tests/crash` can use it without the SDKs.
"""
