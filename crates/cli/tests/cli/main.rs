//! Tests of the program as its users meet it: real processes, real sockets, real signals.
//!
//! Nothing here knows the inside of the program. Whatever must become true is polled for with a
//! generous deadline; no test says how fast something is.

mod connections;
mod decoders;
mod embed;
mod embed_jsonl;
#[expect(dead_code, reason = "the tests of the hub client use the rest")]
#[path = "../../../hub/tests/pull/fake_hub.rs"]
mod fake_hub;
mod keys;
mod keys_while_serving;
mod listeners;
mod models;
mod models_pull;
mod sameness;
mod settings;
mod stopping;
mod support;
