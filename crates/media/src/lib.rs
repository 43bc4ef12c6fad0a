//! From the bytes of a picture to model-ready pixels. Pure: no network and no files.
