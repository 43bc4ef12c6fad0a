//! Durable state: accounts, keys, assets, uploads and tasks. The only crate that knows SQL.
