//! What the kernel does and what a client sees. Needs root; each test makes its own lab.

#[path = "../lab/mod.rs"]
mod lab;
mod pair;

mod boot;
mod children;
mod dumps;
mod failover;
mod flood;
mod journal;
mod load;
mod namespaces;
mod network;
mod packets;
mod parent;
mod real_servers;
mod reload;
mod scripts;
mod start;
mod stories;
mod the_lab;
mod tracking;
mod unicast;
mod vmac;
