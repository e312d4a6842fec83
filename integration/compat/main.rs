//! Mixed pairs with keepalived.
fn main() {}
