//! What stands outside of any block, and the tables of blocks that are understood but not carried out.

use super::consistency;
use super::diagnostic::{Code, Finding};
use super::host::Host;
use super::keyword::{Arguments, Catalogue, Keyword, NO_LIMIT, Reader, Shape, Spanned, Table};
use super::lines::Lines;
use super::{
    Config, InterfaceDelays, bfd_instance, checkers, global_defs, interface_delays, real_server,
    track_file, tree, virtual_server, vrrp_instance, vrrp_script, vrrp_sync_group,
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
    pub(crate) virtual_servers: Vec<virtual_server::Draft>,
}

/// From the lines of a file to a configuration. Each block is read as soon as it is complete: the
/// tree of a long file is never in memory as a whole.
pub(crate) fn read(lines: &Lines, host: &dyn Host, reader: &mut Reader) -> Config {
    let mut drafts = Drafts::default();
    tree::build(lines, reader, |statement, reader| {
        reader.read_statement(&mut drafts, Catalogue::ROOT, KEYWORDS, &statement);
    });
    consistency::resolve(drafts, host, &mut reader.findings)
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
    catalogue.add(vrrp_sync_group::BLOCK, vrrp_sync_group::KEYWORDS);
    catalogue.add(vrrp_script::BLOCK, vrrp_script::KEYWORDS);
    catalogue.add(track_file::BLOCK, track_file::KEYWORDS);
    catalogue.add(vrrp_track_process::BLOCK, vrrp_track_process::KEYWORDS);
    catalogue.add(bfd_instance::BLOCK, bfd_instance::KEYWORDS);
    catalogue.add(virtual_server::BLOCK, virtual_server::KEYWORDS);
    catalogue.add(real_server::BLOCK, real_server::KEYWORDS);
    catalogue.add(checkers::TCP_CHECK_BLOCK, checkers::TCP_CHECK);
    catalogue.add(checkers::HTTP_GET_BLOCK, checkers::HTTP_GET);
    catalogue.add(checkers::SSL_GET_BLOCK, checkers::SSL_GET);
    catalogue.add(checkers::MISC_CHECK_BLOCK, checkers::MISC_CHECK);
    catalogue.add(checkers::URL_BLOCK, checkers::URL);
    for &(block, table) in pending::BLOCKS {
        catalogue.add(block, table);
    }
    catalogue
}

const NAME: Shape = Shape::Word("a name");

pub(crate) const KEYWORDS: Table<Drafts> = &[OWN];

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
    Keyword::pending_but_read(
        "static_ipaddress",
        Shape::List("an address"),
        "",
        |_, arguments| {
            if arguments.block().is_empty() {
                return Ok(());
            }
            arguments.leave_pending_to_owner();
            let message = "'static_ipaddress' is left out: its addresses will not be on this node, because it is not carried out yet";
            let span = arguments.keyword_span();
            arguments.complain(Finding::new(Code::LeftOut, span, message));
            arguments.check_shape()
        },
    ),
    Keyword::pending("static_routes", Shape::List("a route"), ""),
    Keyword::pending("static_rules", Shape::List("a rule"), ""),
    Keyword::pending("track_group", Shape::Named("a name", "track_group"), ""),
    Keyword::pending("garp_group", Shape::Block("garp_group"), ""),
    Keyword::pending(
        "linkbeat_interfaces",
        Shape::List("INTERFACE [MII|ETHTOOL|IOCTL]"),
        "",
    ),
    Keyword::pending_but_read(
        "interface_up_down_delays",
        Shape::List("INTERFACE DOWN_DELAY [UP_DELAY]"),
        "",
        |drafts, arguments| {
            let entries = interface_delays::entries(arguments.block(), arguments.reader());
            drafts.interface_up_down_delays.extend(entries);
            Ok(())
        },
    ),
    Keyword::pending_but_read(
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
    Keyword::pending_but_read(
        "track_file",
        Shape::Named("a name", track_file::BLOCK),
        "",
        track_file,
    ),
    Keyword::pending_but_read(
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
    Keyword::pending("SSL", Shape::Block("SSL"), ""),
    Keyword::pending(
        "virtual_server_group",
        Shape::NamedList("ADDRESS[-LAST] [PORT] or fwmark N"),
        "",
    ),
    Keyword::pending("net_namespace", NAME, ""),
    Keyword::pending(
        "net_namespace_ipvs",
        Shape::Optional("a name"),
        "net_namespace",
    ),
    Keyword::pending("namespace_with_ipsets", Shape::Flag, "off"),
    Keyword::pending("use_pid_dir", Shape::Flag, "off"),
    Keyword::pending("instance", NAME, ""),
    Keyword::pending("child_wait_time", Shape::number(0, NO_LIMIT), "5"),
    Keyword::pending("linkbeat_use_polling", Shape::Flag, "off"),
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

mod pending;
#[cfg(test)]
mod tests;
