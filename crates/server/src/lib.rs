//! The HTTP service: routes, the embed pipeline and the fetcher. The only crate that knows HTTP.

pub mod fetch;
