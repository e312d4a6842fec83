//! The way to the forwarding plane: asked in turn, connected again when it is lost.
//!
//! It runs beside the main loop, so that a plane that does not answer keeps nobody from answering the parent.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep, timeout_at};

use crate::config::Config;
use crate::lvs::driver::{ForwardingPlane, PlaneError, PlaneErrorKind};
use crate::lvs::{Command, ServiceKey, Table};

/// At the start the data-plane child may be starting too.
const FIRST_CONNECT_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) enum Request {
    /// Which virtual servers the plane cannot carry, and what it holds.
    Judge(Box<Config>),
    Apply(Vec<Command>),
    ReadBack,
}

#[derive(Debug)]
pub(super) enum Reply {
    Judged {
        config: Box<Config>,
        cannot_carry: BTreeMap<ServiceKey, String>,
    },
    Applied(Vec<PlaneError>),
    ReadBack(Result<Table, PlaneError>),
    /// The connection broke while nothing was asked.
    Lost,
}

/// Connects and reads back, waiting a while for a plane that is not there yet.
async fn first_connect<P: ForwardingPlane>(
    connect: &mut impl AsyncFnMut() -> Result<P, PlaneError>,
) -> Result<(P, Table), PlaneError> {
    let end = Instant::now() + FIRST_CONNECT_WITHIN;
    let mut attempt = async || {
        let mut plane = connect().await?;
        let table = plane.dump().await?;
        Ok::<_, PlaneError>((plane, table))
    };
    loop {
        match timeout_at(end, attempt()).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error))
                if error.kind == PlaneErrorKind::NotPermitted || Instant::now() >= end =>
            {
                return Err(error);
            }
            Ok(Err(_)) => sleep(CONNECT_AGAIN_AFTER).await,
            Err(_) => {
                return Err(PlaneError {
                    kind: PlaneErrorKind::Unavailable,
                    attempted: "connecting to the forwarding plane".to_owned(),
                    reason: format!("no answer within {FIRST_CONNECT_WITHIN:?}"),
                });
            }
        }
    }
}

/// Says what the plane holds, then serves requests in turn until nobody is left to ask. An error: there was no
/// plane from the start.
pub(super) async fn serve<P: ForwardingPlane>(
    mut connect: impl AsyncFnMut() -> Result<P, PlaneError>,
    mut requests: UnboundedReceiver<Request>,
    replies: UnboundedSender<Reply>,
) -> Result<(), PlaneError> {
    let (mut plane, table) = first_connect(&mut connect).await?;
    // Nobody listens any more only when the main loop has ended: here and below.
    let _ = replies.send(Reply::ReadBack(Ok(table)));
    let mut lost = false;
    loop {
        let request = tokio::select! {
            biased;
            request = requests.recv() => request,
            () = plane.lost(), if !lost => {
                lost = true;
                let _ = replies.send(Reply::Lost);
                continue;
            }
        };
        let reply = match request {
            None => return Ok(()),
            Some(Request::Judge(config)) => Reply::Judged {
                cannot_carry: judge(&plane, &config),
                config,
            },
            Some(Request::Apply(commands)) => {
                let failures = plane.apply(&commands).await;
                lost |= failures.iter().any(PlaneError::is_lost);
                Reply::Applied(failures)
            }
            Some(Request::ReadBack) => {
                let result = read_back(&mut plane, lost, &mut connect).await;
                lost = result.as_ref().is_err();
                Reply::ReadBack(result)
            }
        };
        let _ = replies.send(reply);
    }
}

fn judge<P: ForwardingPlane>(plane: &P, config: &Config) -> BTreeMap<ServiceKey, String> {
    let key = |virtual_server: &crate::config::VirtualServer| ServiceKey {
        address: virtual_server.address,
        protocol: virtual_server.protocol,
    };
    (config.virtual_servers.iter())
        .filter_map(|virtual_server| {
            Some((key(virtual_server), plane.cannot_carry(virtual_server)?))
        })
        .collect()
}

async fn read_back<P: ForwardingPlane>(
    plane: &mut P,
    lost: bool,
    connect: &mut impl AsyncFnMut() -> Result<P, PlaneError>,
) -> Result<Table, PlaneError> {
    if !lost {
        match plane.dump().await {
            Err(error) if error.is_lost() => {}
            result => return result,
        }
    }
    *plane = connect().await?;
    plane.dump().await
}
