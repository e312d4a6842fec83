//! What stands outside of any block, and the tables of blocks that are understood but not carried out.

use super::consistency;
use super::diagnostic::{Code, Finding};
use super::host::Host;
use super::keyword::{Arguments, Catalogue, Keyword, NO_LIMIT, Reader, Shape, Spanned, Table};
use super::lines::{Lines, Span};
use super::{
    Config, InterfaceDelays, Namespaces, bfd_instance, checkers, garp_group, global_defs,
    interface_delays, linkbeat, namespaces, real_server, ssl, static_network, track_file, tree,
    virtual_server, virtual_server_group, vrrp_instance, vrrp_script, vrrp_sync_group,
    vrrp_track_process,
};

/// Everything that was read, in the order it was written.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    pub(crate) global_defs: global_defs::Draft,
    pub(crate) vrrp_scripts: Vec<vrrp_script::Draft>,
    pub(crate) track_files: Vec<track_file::Draft>,
    pub(crate) vrrp_track_processes: Vec<vrrp_track_process::Draft>,
    pub(crate) bfd_instances: Vec<bfd_instance::Draft>,
    pub(crate) interface_up_down_delays: Vec<Spanned<InterfaceDelays>>,
    pub(crate) vrrp_instances: Vec<vrrp_instance::Draft>,
    pub(crate) vrrp_sync_groups: Vec<vrrp_sync_group::Draft>,
    pub(crate) ssl: Option<ssl::Ssl>,
    /// Of its keyword.
    pub(crate) ssl_span: Option<Span>,
    pub(crate) virtual_server_groups: Vec<Spanned<virtual_server_group::VirtualServerGroup>>,
    pub(crate) virtual_servers: Vec<virtual_server::Draft>,
    pub(crate) static_network: static_network::Draft,
    pub(crate) track_groups: Vec<static_network::TrackGroupDraft>,
    pub(crate) garp_groups: Vec<garp_group::Draft>,
    pub(crate) linkbeat_interfaces: Vec<linkbeat::Draft>,
    pub(crate) linkbeat_use_polling: bool,
    pub(crate) namespaces: Namespaces,
    /// Where `net_namespace` got its name.
    pub(crate) net_namespace_span: Option<Span>,
}

/// From the lines of a file to a configuration. Each block is read as soon as it is complete: the
/// tree of a long file is never in memory as a whole.
pub(crate) fn read(lines: &Lines, host: &dyn Host, reader: &mut Reader) -> Config {
    let mut drafts = Drafts::default();
    tree::build(lines, reader, |statement, reader| {
        let before = drafts.global_defs.defs.files.iproute_directories.clone();
        reader.read_statement(&mut drafts, Catalogue::ROOT, KEYWORDS, &statement);
        let directories = &drafts.global_defs.defs.files.iproute_directories;
        if *directories != before {
            reader.names = host.iproute_names(directories);
        }
    });
    if let Some(name) = reader.net_namespace.take() {
        drafts.namespaces.net_namespace = Some(name);
        drafts.net_namespace_span = None;
    }
    consistency::resolve(drafts, host, &mut reader.findings, &mut reader.recorder)
}

/// All tables.
pub(crate) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.add(Catalogue::ROOT, KEYWORDS);
    catalogue.add(global_defs::BLOCK, global_defs::KEYWORDS);
    catalogue.add(vrrp_instance::BLOCK, vrrp_instance::KEYWORDS);
    catalogue.add(
        vrrp_instance::AUTHENTICATION_BLOCK,
        vrrp_instance::AUTHENTICATION,
    );
    catalogue.add(vrrp_instance::AUTH_HMAC_BLOCK, vrrp_instance::AUTH_HMAC);
    catalogue.add(vrrp_sync_group::BLOCK, vrrp_sync_group::KEYWORDS);
    catalogue.add(vrrp_script::BLOCK, vrrp_script::KEYWORDS);
    catalogue.add(track_file::BLOCK, track_file::KEYWORDS);
    catalogue.add(vrrp_track_process::BLOCK, vrrp_track_process::KEYWORDS);
    catalogue.add(bfd_instance::BLOCK, bfd_instance::KEYWORDS);
    catalogue.add(virtual_server::BLOCK, virtual_server::KEYWORDS);
    catalogue.add(real_server::BLOCK, real_server::KEYWORDS);
    catalogue.add(
        static_network::TRACK_GROUP_BLOCK,
        static_network::TRACK_GROUP,
    );
    catalogue.add(garp_group::BLOCK, garp_group::KEYWORDS);
    catalogue.add(checkers::TCP_CHECK_BLOCK, checkers::TCP_CHECK);
    catalogue.add(checkers::HTTP_GET_BLOCK, checkers::HTTP_GET);
    catalogue.add(checkers::SSL_GET_BLOCK, checkers::SSL_GET);
    catalogue.add(checkers::MISC_CHECK_BLOCK, checkers::MISC_CHECK);
    catalogue.add(checkers::URL_BLOCK, checkers::URL);
    catalogue.add(checkers::SMTP_CHECK_BLOCK, checkers::SMTP_CHECK);
    catalogue.add(checkers::HOST_BLOCK, checkers::HOST);
    catalogue.add(checkers::DNS_CHECK_BLOCK, checkers::DNS_CHECK);
    catalogue.add(checkers::UDP_CHECK_BLOCK, checkers::UDP_CHECK);
    catalogue.add(checkers::PING_CHECK_BLOCK, checkers::PING_CHECK);
    catalogue.add(checkers::FILE_CHECK_BLOCK, checkers::FILE_CHECK);
    catalogue.add(checkers::BFD_CHECK_BLOCK, checkers::BFD_CHECK);
    catalogue.add(ssl::BLOCK, ssl::KEYWORDS);
    catalogue
}

pub(crate) const KEYWORDS: Table<Drafts> = &[OWN, namespaces::KEYWORDS];

const OWN: &[Keyword<Drafts>] = &[
    Keyword::new(
        "global_defs",
        Shape::Block(global_defs::BLOCK),
        "",
        |drafts, arguments| {
            let block = arguments.block();
            arguments.reader().read(
                &mut drafts.global_defs,
                global_defs::BLOCK,
                global_defs::KEYWORDS,
                block,
            );
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_instance",
        Shape::Named("a name", vrrp_instance::BLOCK),
        "",
        |drafts, arguments| {
            let mut draft = vrrp_instance::Draft::new(arguments.text()?);
            read_block(
                &mut draft,
                vrrp_instance::BLOCK,
                vrrp_instance::KEYWORDS,
                arguments,
            );
            drafts.vrrp_instances.push(draft);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_sync_group",
        Shape::Named("a name", vrrp_sync_group::BLOCK),
        "",
        |drafts, arguments| {
            let mut draft = vrrp_sync_group::Draft::new(arguments.text()?);
            read_block(
                &mut draft,
                vrrp_sync_group::BLOCK,
                vrrp_sync_group::KEYWORDS,
                arguments,
            );
            drafts.vrrp_sync_groups.push(draft);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_script",
        Shape::Named("a name", vrrp_script::BLOCK),
        "",
        |drafts, arguments| {
            let mut draft = vrrp_script::Draft::new(arguments.text()?);
            read_block(
                &mut draft,
                vrrp_script::BLOCK,
                vrrp_script::KEYWORDS,
                arguments,
            );
            drafts.vrrp_scripts.push(draft);
            Ok(())
        },
    ),
    Keyword::new(
        "virtual_server",
        Shape::Named(
            "ADDRESS [PORT], fwmark N or group NAME",
            virtual_server::BLOCK,
        ),
        "",
        |drafts, arguments| {
            let span = arguments.span();
            let target = virtual_server::target(arguments)?;
            let mut draft = virtual_server::Draft::new(target, span);
            read_block(
                &mut draft,
                virtual_server::BLOCK,
                virtual_server::KEYWORDS,
                arguments,
            );
            drafts.virtual_servers.push(draft);
            Ok(())
        },
    ),
    Keyword::new(
        "static_ipaddress",
        Shape::List("an address"),
        "",
        |drafts, arguments| {
            drafts.static_network.read_addresses(arguments);
            Ok(())
        },
    ),
    Keyword::new(
        "static_routes",
        Shape::List("a route"),
        "",
        |drafts, arguments| {
            drafts.static_network.read_routes(arguments);
            Ok(())
        },
    ),
    Keyword::new(
        "static_rules",
        Shape::List("a rule"),
        "",
        |drafts, arguments| {
            drafts.static_network.read_rules(arguments);
            Ok(())
        },
    ),
    Keyword::new(
        "track_group",
        Shape::Named("a name", static_network::TRACK_GROUP_BLOCK),
        "",
        |drafts, arguments| {
            let mut draft = static_network::TrackGroupDraft::new(arguments.text()?);
            read_block(
                &mut draft,
                static_network::TRACK_GROUP_BLOCK,
                static_network::TRACK_GROUP,
                arguments,
            );
            drafts.track_groups.push(draft);
            Ok(())
        },
    ),
    Keyword::new(
        "garp_group",
        Shape::Block(garp_group::BLOCK),
        "",
        |drafts, arguments| {
            let mut draft = garp_group::Draft::new(arguments.keyword_span());
            read_block(
                &mut draft,
                garp_group::BLOCK,
                garp_group::KEYWORDS,
                arguments,
            );
            drafts.garp_groups.push(draft);
            Ok(())
        },
    ),
    Keyword::new(
        "linkbeat_interfaces",
        Shape::List("INTERFACE [MII|ETHTOOL|IOCTL]"),
        "",
        |drafts, arguments| {
            drafts
                .linkbeat_interfaces
                .extend(linkbeat::entries(arguments));
            Ok(())
        },
    ),
    Keyword::new("linkbeat_use_polling", Shape::Flag, "off", |drafts, _| {
        drafts.linkbeat_use_polling = true;
        Ok(())
    }),
    Keyword::new(
        "interface_up_down_delays",
        Shape::List("INTERFACE DOWN_DELAY [UP_DELAY]"),
        "",
        |drafts, arguments| {
            let entries = interface_delays::entries(arguments.block(), arguments.reader());
            drafts.interface_up_down_delays.extend(entries);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_track_process",
        Shape::Named("a name", vrrp_track_process::BLOCK),
        "",
        |drafts, arguments| {
            let mut draft = vrrp_track_process::Draft::new(arguments.text()?);
            read_block(
                &mut draft,
                vrrp_track_process::BLOCK,
                vrrp_track_process::KEYWORDS,
                arguments,
            );
            drafts.vrrp_track_processes.push(draft);
            Ok(())
        },
    ),
    Keyword::new(
        "track_file",
        Shape::Named("a name", track_file::BLOCK),
        "",
        track_file,
    ),
    Keyword::new(
        "vrrp_track_file",
        Shape::Named("a name", track_file::BLOCK),
        "",
        track_file,
    )
    .deprecated("track_file"),
    Keyword::pending_but_read(
        "bfd_instance",
        Shape::Named("a name", bfd_instance::BLOCK),
        "",
        |drafts, arguments| {
            let mut draft = bfd_instance::Draft::new(arguments.text()?);
            read_block(
                &mut draft,
                bfd_instance::BLOCK,
                bfd_instance::KEYWORDS,
                arguments,
            );
            drafts.bfd_instances.push(draft);
            Ok(())
        },
    ),
    Keyword::pending_but_read("SSL", Shape::Block(ssl::BLOCK), "", |drafts, arguments| {
        let span = arguments.keyword_span();
        if let Some(first) = drafts.ssl_span.replace(span) {
            let message = "SSL context already specified - replacing";
            arguments.complain(Finding::new(Code::Repeated, span, message).after(first));
        }
        let mut ssl = ssl::Ssl::default();
        read_block(&mut ssl, ssl::BLOCK, ssl::KEYWORDS, arguments);
        drafts.ssl = Some(ssl);
        Ok(())
    }),
    Keyword::pending_but_read(
        "virtual_server_group",
        Shape::NamedList("ADDRESS[-LAST] [PORT] or fwmark N [inet|inet6]"),
        "",
        |drafts, arguments| {
            let group = virtual_server_group::read(arguments)?;
            drafts.virtual_server_groups.push(group);
            Ok(())
        },
    ),
    Keyword::new(
        "child_wait_time",
        Shape::number(0, NO_LIMIT),
        "5",
        |drafts, arguments| arguments.fill(&mut drafts.global_defs.defs.processes.child_wait_time),
    ),
];

fn track_file(drafts: &mut Drafts, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let mut draft = track_file::Draft::new(arguments.text()?);
    read_block(
        &mut draft,
        track_file::BLOCK,
        track_file::KEYWORDS,
        arguments,
    );
    drafts.track_files.push(draft);
    Ok(())
}

fn read_block<B>(
    draft: &mut B,
    block: &'static str,
    table: Table<B>,
    arguments: &mut Arguments<'_>,
) {
    let statements = arguments.block();
    arguments.reader().read(draft, block, table, statements);
}

#[cfg(test)]
mod tests;
