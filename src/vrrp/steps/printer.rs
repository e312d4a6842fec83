//! What came of a step, in words.

use std::fmt::Write as _;
use std::time::Instant;

use super::World;
use crate::types::{OwnedAddress, Routing};
use crate::vrrp::Action;
use crate::wire::datagram::Datagram;
use crate::wire::ipv4;

impl World {
    pub(super) fn show(&mut self) {
        let snapshot = self.routers().snapshot();
        for instance in snapshot.instances {
            let mut line = format!(
                "{} {} priority={}",
                instance.name,
                instance.state.name(),
                instance.effective_priority
            );
            if let Some((address, priority)) = instance.master {
                write!(line, " master={address}/{priority}").expect("string");
            }
            let counters = serde_json::to_value(instance.counters).expect("json");
            for (name, value) in counters.as_object().expect("object") {
                if value != 0 {
                    write!(line, " {name}={value}").expect("string");
                }
            }
            self.output.push(line);
        }
        for group in snapshot.groups {
            self.output
                .push(format!("{} {}", group.name, group.state.name()));
        }
        for script in snapshot.scripts {
            let good = match script.good {
                None => "unknown",
                Some(true) => "good",
                Some(false) => "bad",
            };
            self.output.push(format!("{} {good}", script.name));
        }
    }

    pub(super) fn time(&self, at: Instant) -> String {
        format!("{:.3}", at.duration_since(self.epoch).as_secs_f64())
    }

    pub(super) fn print(&mut self, actions: &[Action]) {
        let now = self.time(self.now);
        for action in actions {
            if matches!(action, Action::Announce(_)) && !self.shows_announcements {
                continue;
            }
            let line = self.describe(action);
            self.output.push(format!("{now} {line}"));
        }
    }

    fn describe(&self, action: &Action) -> String {
        match action {
            Action::SendAdvert {
                instance,
                router,
                priority,
                packets,
            } => {
                let interface = &router.interface;
                let mut line = format!("SendAdvert {instance} {interface} priority={priority}");
                for (destination, bytes) in packets.iter() {
                    let packet = Datagram::parse(bytes).expect("a packet");
                    assert_eq!(packet.destination, *destination);
                    write!(line, " {}->{destination}", packet.source).expect("string");
                    if let Ok(packet) = ipv4::Packet::parse(bytes) {
                        write!(line, " id={}", packet.header.id).expect("string");
                    }
                }
                line
            }
            Action::RenewLease {
                instance, until, ..
            } => {
                format!("RenewLease {instance} until={}", self.time(*until))
            }
            Action::EndLease { instance, .. } => format!("EndLease {instance}"),
            Action::AddAddresses {
                instance,
                addresses,
            } => {
                let list = addresses.iter().map(|(owned, _)| owned);
                format!("AddAddresses {instance}{}", list_of(list))
            }
            Action::RemoveAddresses {
                instance,
                addresses,
            } => {
                format!("RemoveAddresses {instance}{}", list_of(addresses.iter()))
            }
            Action::AddRouting { instance, routing } => {
                format!("AddRouting {instance}: {}", routing_text(routing))
            }
            Action::RemoveRouting { instance, routing } => {
                format!("RemoveRouting {instance}: {}", routing_text(routing))
            }
            Action::SendGratuitousArp {
                instance,
                addresses,
                repeat,
            } => {
                let mut line = format!("SendGratuitousArp {instance} repeat={repeat}");
                for (interface, address) in addresses {
                    write!(line, " {address}@{interface}").expect("string");
                }
                line
            }
            Action::RunScript { script, command } => format!("RunScript {script}: {command}"),
            Action::KillScript { script, force } => format!("KillScript {script} force={force}"),
            Action::Notify(notification) => {
                let arguments: String = notification
                    .arguments
                    .iter()
                    .map(|a| format!(" {a}"))
                    .collect();
                format!(
                    "Notify {}: {}{arguments}",
                    notification.subject, notification.command
                )
            }
            Action::Announce(it) => {
                let mail = if it.smtp_alert { " and mail" } else { "" };
                format!("Announce{mail} {}", it.fifo_line().trim_end())
            }
            Action::Log(event) => {
                let detail = if event.is_detail() { " -D" } else { "" };
                format!("Log{detail} {event}")
            }
        }
    }
}

fn list_of<'a>(addresses: impl Iterator<Item = &'a OwnedAddress>) -> String {
    addresses
        .map(|owned| {
            format!(
                " {}/{}@{}",
                owned.address, owned.prefix_len, owned.interface
            )
        })
        .collect()
}

fn routing_text(routing: &Routing) -> String {
    let routes = routing.routes.iter().map(ToString::to_string);
    let rules = routing.rules.iter().map(ToString::to_string);
    routes.chain(rules).collect::<Vec<_>>().join(", ")
}
