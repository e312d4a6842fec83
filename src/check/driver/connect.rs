//! Connecting the way a checker is configured: source address, port, interface, mark, time limit.

use std::io;
use std::net::{SocketAddr, SocketAddrV6, TcpStream as StdTcpStream};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::check::ConnectError;
use crate::config::ConnectOptions;

/// Within connect_timeout, or not at all.
pub(super) async fn connect(options: &ConnectOptions) -> Result<TcpStream, ConnectError> {
    let target = with_scope(options.target.into(), options);
    let socket = bound_socket(target, options)?;
    match timeout(options.connect_timeout, socket.connect(target)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if is_local(&error) => Err(local(format!("connecting to {target}"), &error)),
        Ok(Err(error)) => Err(ConnectError::Failed {
            reason: error.to_string(),
        }),
        Err(_) => Err(ConnectError::Timeout),
    }
}

fn bound_socket(target: SocketAddr, options: &ConnectOptions) -> Result<TcpSocket, ConnectError> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )
    .map_err(|error| local("making a socket".to_owned(), &error))?;
    socket
        .set_nonblocking(true)
        .map_err(|error| local("making a socket".to_owned(), &error))?;
    if options.fwmark != 0 {
        socket
            .set_mark(options.fwmark)
            .map_err(|error| local(format!("setting fwmark {}", options.fwmark), &error))?;
    }
    if let Some(interface) = &options.bind_if {
        socket
            .bind_device(Some(interface.as_str().as_bytes()))
            .map_err(|error| local(format!("binding to interface {interface}"), &error))?;
    }
    if options.bindto.is_some() || options.bind_port != 0 {
        bind(&socket, target, options)?;
    }
    Ok(TcpSocket::from_std_stream(StdTcpStream::from(socket)))
}

fn bind(socket: &Socket, target: SocketAddr, options: &ConnectOptions) -> Result<(), ConnectError> {
    let any = match target {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = SocketAddr::new(options.bindto.unwrap_or(any), options.bind_port);
    let source = with_scope(source, options);
    let failed = |error: io::Error| local(format!("binding to {source}"), &error);
    if options.bind_port != 0 {
        // The port is needed again for the next check: no TIME-WAIT, at the price of a reset.
        socket.set_reuse_address(true).map_err(failed)?;
        socket.set_linger(Some(Duration::ZERO)).map_err(failed)?;
    }
    socket.bind(&source.into()).map_err(failed)
}

/// A link-local IPv6 address means something on its interface only.
fn with_scope(address: SocketAddr, options: &ConnectOptions) -> SocketAddr {
    match (address, &options.bind_if) {
        (SocketAddr::V6(v6), Some(interface)) if v6.ip().is_unicast_link_local() => {
            let scope = if_nametoindex(interface.as_str()).unwrap_or_default();
            SocketAddrV6::new(*v6.ip(), v6.port(), v6.flowinfo(), scope).into()
        }
        _ => address,
    }
}

fn local(attempted: String, error: &io::Error) -> ConnectError {
    ConnectError::Local {
        attempted,
        reason: error.to_string(),
    }
}

/// The kernel never got as far as asking the server.
fn is_local(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EADDRNOTAVAIL
                | libc::EADDRINUSE
                | libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EACCES
                | libc::EPERM
        )
    )
}
