//! Routes and rules together, as an instance or the node has them.

use serde::{Deserialize, Serialize};

use super::{Route, Rule};

/// Routes and rules. They are added in this order behind the addresses that they need, and taken
/// away the other way round.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Routing {
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
}

impl Routing {
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.rules.is_empty()
    }

    /// What is in this one and not in `other`, in order.
    pub fn without(&self, other: &Self) -> Self {
        let routes = self.routes.iter().filter(|it| !other.routes.contains(it));
        let rules = self.rules.iter().filter(|it| !other.rules.contains(it));
        Self {
            routes: routes.cloned().collect(),
            rules: rules.cloned().collect(),
        }
    }
}
