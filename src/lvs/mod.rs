//! What should be balanced, whoever forwards it: services, their real servers, and the commands
//! that turn what is programmed into what is wanted.

pub mod driver;
pub mod message;
mod plan;
mod service;

pub use plan::plan;
pub use service::{Command, RealServer, Service, ServiceKey, Table};
