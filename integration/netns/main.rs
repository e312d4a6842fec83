//! What the kernel does and what a client sees. Needs root; each test makes its own lab.

#[path = "../lab/mod.rs"]
mod lab;
mod pair;

mod the_lab;
