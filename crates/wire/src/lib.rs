//! The compatible API as types: requests, responses, ids and error codes. No input or output.
