//! Packet layouts: parse what is untrusted, emit whole packets. No sockets, no clock.
