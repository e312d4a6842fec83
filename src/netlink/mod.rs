//! Thin verbs over netlink: links, addresses, neighbours, nftables, and the IPVS family's messages.

pub mod nft;
