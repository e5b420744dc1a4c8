//! Drives the built program as its users do. It links no engine itself, so it builds in seconds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "tests are told by the environment where the servers are")]

mod brokerage;
mod built_inside;
mod cases;
mod chance;
mod clock;
mod crash;
mod database;
mod demo;
mod durable;
mod environments;
mod hanging_store;
mod histories;
mod limits;
mod one_moment;
mod postgres;
mod program;
mod push_down;
mod targets;
mod two_machines;
mod unit_tests;
mod windows;
