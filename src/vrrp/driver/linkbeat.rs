//! `linkbeat_interfaces` and `linkbeat_use_polling`: the carrier of interfaces whose drivers do not tell the kernel,
//! asked for once a second.
//!
//! A driver may wait for its hardware, so a helper thread asks, and the loop is told what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::trackers::lost;
use crate::config::{Config, LinkbeatInterface, LinkbeatMethod};
use crate::sys::link_beat::Asker;
use crate::types::InterfaceName;

/// keepalived: POLLING_DELAY.
const INTERVAL: Duration = Duration::from_secs(1);

/// Which interfaces have a carrier, of those that say.
pub(super) type Beats = BTreeMap<InterfaceName, bool>;

#[derive(Debug)]
pub(super) struct Linkbeat {
    asked: Vec<LinkbeatInterface>,
    beats: Beats,
    next: Instant,
    asking: Option<JoinHandle<Beats>>,
}

impl Linkbeat {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            asked: asked(config),
            beats: Beats::new(),
            next: Instant::now(),
            asking: None,
        }
    }

    /// Goes over to what `config` wants asked.
    pub(super) fn reload(&mut self, config: &Config) {
        self.asked = asked(config);
        let is_asked = |name: &InterfaceName| self.asked.iter().any(|it| it.interface == *name);
        self.beats.retain(|name, _| is_asked(name));
    }

    pub(super) fn beats(&self) -> &Beats {
        &self.beats
    }

    /// Asks for the first time.
    pub(super) async fn first(&mut self) {
        if !self.asked.is_empty() {
            self.turn().await;
        }
    }

    /// Waits until an interface has lost its carrier or has it again. Safe to drop at any time.
    pub(super) async fn changed(&mut self) {
        if self.asked.is_empty() {
            return std::future::pending().await;
        }
        while !self.turn().await {}
    }

    async fn turn(&mut self) -> bool {
        if self.asking.is_none() {
            sleep_until(self.next).await;
        }
        let asked = &self.asked;
        let asking = self.asking.get_or_insert_with(|| {
            let asked = asked.clone();
            tokio::task::spawn_blocking(move || ask_all(&asked))
        });
        let beats = asking.await;
        self.asking = None;
        self.next = Instant::now() + INTERVAL;
        match beats {
            Ok(beats) => self.take(beats),
            Err(error) => {
                lost(&error);
                false
            }
        }
    }

    /// keepalived's words.
    fn take(&mut self, beats: Beats) -> bool {
        for (name, is_up) in &beats {
            if self.beats.get(name).is_some_and(|before| before != is_up) {
                info!(
                    "Linkbeat reports {name} {}",
                    if *is_up { "up" } else { "down" }
                );
            }
        }
        let has_changed = self.beats != beats;
        self.beats = beats;
        has_changed
    }
}

/// Those that are used by a virtual router or tracked.
fn asked(config: &Config) -> Vec<LinkbeatInterface> {
    let mut all = BTreeSet::new();
    let mut polled = BTreeSet::new();
    for instance in &config.vrrp_instances {
        all.insert(&instance.interface);
        if instance.linkbeat_use_polling {
            polled.insert(&instance.interface);
        }
    }
    let of_instances = config.vrrp_instances.iter().map(|it| &it.track_interface);
    let of_groups = config.vrrp_sync_groups.iter().map(|it| &it.track_interface);
    all.extend(
        of_instances
            .chain(of_groups)
            .flatten()
            .map(|it| &it.interface),
    );
    if config.linkbeat_use_polling {
        polled.clone_from(&all);
    }
    let named = config.linkbeat_interfaces.iter();
    let named: Vec<_> = named.filter(|it| all.contains(&it.interface)).collect();
    polled.retain(|name| !named.iter().any(|it| it.interface == **name));
    let polled = polled.into_iter().map(|interface| LinkbeatInterface {
        interface: interface.clone(),
        method: LinkbeatMethod::Any,
    });
    named.into_iter().cloned().chain(polled).collect()
}

fn ask_all(asked: &[LinkbeatInterface]) -> Beats {
    let asker = match Asker::new() {
        Ok(asker) => asker,
        Err(error) => {
            warn!("Unable to ask for link beats: {error}");
            return Beats::new();
        }
    };
    // One that does not answer is as netlink says.
    let answer = |it: &LinkbeatInterface| {
        let beat = ask(&asker, it.interface.as_str(), it.method).ok()?;
        Some((it.interface.clone(), beat))
    };
    asked.iter().filter_map(answer).collect()
}

fn ask(asker: &Asker, interface: &str, method: LinkbeatMethod) -> io::Result<bool> {
    match method {
        LinkbeatMethod::Mii => asker.mii(interface),
        LinkbeatMethod::Ethtool => asker.ethtool(interface),
        LinkbeatMethod::Ioctl => asker.running(interface),
        LinkbeatMethod::Any => asker
            .mii(interface)
            .or_else(|_| asker.ethtool(interface))
            .or_else(|_| asker.running(interface)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VrrpInstance;
    use crate::types::Vrid;

    fn name(text: &str) -> InterfaceName {
        InterfaceName::new(text).expect("a name")
    }

    fn config(linkbeat_use_polling: bool) -> Config {
        let of_method = |interface: &str, method| LinkbeatInterface {
            interface: name(interface),
            method,
        };
        let vrid = Vrid::new(7).expect("a VRID");
        let instance = |interface| VrrpInstance::new("V", name(interface), vrid);
        Config {
            vrrp_instances: vec![instance("eth0"), instance("eth1")],
            linkbeat_interfaces: vec![
                of_method("eth1", LinkbeatMethod::Mii),
                of_method("unused0", LinkbeatMethod::Mii),
            ],
            linkbeat_use_polling,
            ..Config::default()
        }
    }

    #[test]
    fn only_interfaces_that_matter_are_asked_and_as_the_file_says() {
        let methods = |config: &Config| -> Vec<_> {
            let asked = asked(config).into_iter();
            asked
                .map(|it| (it.interface.to_string(), it.method))
                .collect()
        };
        let eth1 = ("eth1".to_owned(), LinkbeatMethod::Mii);
        let eth0 = ("eth0".to_owned(), LinkbeatMethod::Any);
        assert_eq!(methods(&config(false)), std::slice::from_ref(&eth1));
        assert_eq!(methods(&config(true)), [eth1, eth0]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_interface_that_does_not_answer_says_nothing() {
        let mut linkbeat = Linkbeat::new(&config(true));
        linkbeat.asked[0].interface = name("nosuch0");
        linkbeat.asked[1].interface = name("lo");
        linkbeat.first().await;
        assert_eq!(linkbeat.beats().len(), 1, "{:?}", linkbeat.beats());
    }
}
