//! The remark "not carried out yet" follows the keyword tables.

use std::collections::BTreeSet;

use super::tests::load_text;
use super::*;
use crate::config::fake_host::FakeHost;

/// Blocks with what else they need, around the keyword's line `@`.
const BLOCKS: [(&str, &str); 12] = [
    ("global_defs", "global_defs {\n@\n}\n"),
    (
        "vrrp_instance",
        "vrrp_instance web {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n192.0.2.1\n}\n@\n}\n",
    ),
    (
        "vrrp_sync_group",
        "vrrp_instance web {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n\
         vrrp_sync_group both {\ngroup {\nweb\n}\n@\n}\n",
    ),
    ("vrrp_script", "vrrp_script chk {\nscript /bin/true\n@\n}\n"),
    (
        "virtual_server",
        "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n@\nreal_server 10.0.0.1 80 {\n}\n}\n",
    ),
    (
        "virtual_server",
        "virtual_server 192.0.2.1 80 {\nlb_algo sh\nlb_kind NAT\nprotocol UDP\n@\nreal_server 10.0.0.1 80 {\n}\n}\n",
    ),
    (
        "virtual_server",
        "virtual_server fwmark 7 {\nlb_algo mh\nlb_kind NAT\n@\nreal_server 10.0.0.1 {\n}\n}\n",
    ),
    (
        "real_server",
        "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.1 80 {\n@\n}\n}\n",
    ),
    (
        "TCP_CHECK",
        "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.1 80 {\nTCP_CHECK {\n@\n}\n}\n}\n",
    ),
    (
        "HTTP_GET",
        "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.1 80 {\nHTTP_GET {\nurl {\n\
         path /\n}\n@\n}\n}\n}\n",
    ),
    (
        "url",
        "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.1 80 {\nHTTP_GET {\nurl {\n\
         path /\nregex x\n@\n}\n}\n}\n}\n",
    ),
    (
        "MISC_CHECK",
        "virtual_server 192.0.2.1 80 {\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.1 80 {\nMISC_CHECK {\n\
         misc_path /bin/true\n@\n}\n}\n}\n",
    ),
];

/// Statements of a keyword, one of which should be right.
fn samples(row: &Row) -> Vec<String> {
    let values: Vec<String> = match row.shape {
        Shape::Flag => vec![String::new()],
        Shape::Bool => vec!["on".to_owned(), "off".to_owned()],
        Shape::Number { min, max, .. } => vec![1.clamp(min, max).to_string()],
        Shape::Seconds { min, max } => {
            let second = std::time::Duration::from_secs(1);
            vec![second.clamp(min, max).as_secs_f64().to_string()]
        }
        Shape::Choice(choices) => vec![choices.first().copied().unwrap_or("").to_owned()],
        Shape::Address => vec!["192.0.2.7".to_owned()],
        Shape::Interface => vec!["eth0".to_owned()],
        Shape::Script => vec!["/bin/true".to_owned()],
        Shape::Word(_) | Shape::Words(_) | Shape::Optional(_) => [
            "1",
            "2 3",
            "192.0.2.7",
            "eth0",
            "multiline",
            "/a/path",
            "255.255.255.0",
            "caseless",
            "tcp 10",
            "inet",
            "VS",
            "",
        ]
        .map(ToOwned::to_owned)
        .into(),
        Shape::Block(_) => vec!["{\n}".to_owned()],
        Shape::Named(..) => vec!["192.0.2.9 80 {\n}".to_owned()],
        Shape::List(_) => ["192.0.2.9", "eth0", "chk"]
            .map(|it| format!("{{\n{it}\n}}"))
            .into(),
        Shape::NamedList(_) => vec!["name {\n192.0.2.9\n}".to_owned()],
    };
    values
        .iter()
        .map(|value| format!("{} {value}", row.name))
        .collect()
}

/// The comment of the line with the keyword, if any sample makes one.
fn comment_of(row: &Row, template: &str) -> Option<String> {
    let (before, _) = template.split_once('@')?;
    let place = format!("# a.conf:{}", before.lines().count() + 1);
    let most = if row.standing == Standing::Pending {
        usize::MAX
    } else {
        3
    };
    samples(row).iter().take(most).find_map(|sample| {
        let loaded = load_text(&template.replace('@', sample), &FakeHost::default());
        let printed = print(&loaded, Secrets::Shown);
        let mut lines = printed.lines().map(str::trim_start);
        let line = lines.find(|line| {
            let is_keyword = line.split_whitespace().next() == Some(row.field());
            let ends = |rest: &str| rest.is_empty() || rest.starts_with(',');
            let comment = line.split_once(&place);
            let is_keyword = is_keyword || line.starts_with(&format!("{} ", row.name));
            is_keyword && comment.is_some_and(|(_, rest)| ends(rest))
        })?;
        Some(line.to_owned())
    })
}

#[test]
fn the_remark_is_behind_every_keyword_whose_row_is_pending_and_behind_no_other() {
    let catalogue = root::catalogue();
    let (mut seen, mut all) = (BTreeSet::new(), BTreeSet::new());
    for (block, template) in BLOCKS {
        assert!(catalogue.rows(block).next().is_some(), "{block}");
        for row in catalogue.rows(block) {
            let is_pending = row.standing == Standing::Pending;
            if is_pending {
                all.insert((block, row.name));
            }
            if let Some(line) = comment_of(row, template) {
                let has_remark = line.ends_with(", not carried out yet");
                assert_eq!(has_remark, is_pending, "{block}: {line}");
                if is_pending {
                    seen.insert((block, row.name));
                }
            }
        }
    }
    // Those that name objects which the file would have to have.
    let unseen: Vec<_> = all.difference(&seen).collect();
    assert!(unseen.len() * 10 < all.len(), "not seen: {unseen:?}");
}
