//! `holdfast check`: everything there is to say about configuration files, for people and for pipelines.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::config::{Host, LoadOptions, OfflineHost, Secrets, compare, load, print};
use crate::daemon::host::SystemHost;
use crate::daemon::test_config::drawing_for;
use crate::status::check::{Format, Report};

/// Check configuration files: exit status 0 clean, 1 warnings, 2 errors (notes do not count)
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Each is a configuration of its own
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take interfaces, users and scripts to exist, and look at nothing but the files
    #[arg(long)]
    offline: bool,
    /// How to say it
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
    /// Identity for @id lines
    #[arg(short = 'i', long = "config-id", value_name = "ID")]
    config_id: Option<String>,
    /// The two FILEs are the nodes of a pair: say, too, what will not work between them
    #[arg(long, conflicts_with = "print")]
    pair: bool,
    /// With --pair: identity of the first node for @id lines
    #[arg(long, value_name = "ID", requires = "pair")]
    id_a: Option<String>,
    /// With --pair: identity of the second node
    #[arg(long, value_name = "ID", requires = "pair")]
    id_b: Option<String>,
    /// Print the effective configuration of the one FILE, each value with where it comes from; complaints go to stderr
    #[arg(long, conflicts_with = "format")]
    print: bool,
    /// With --print: passwords too
    #[arg(long, requires = "print")]
    show_secrets: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum OutputFormat {
    /// Each complaint with its source line
    #[default]
    Human,
    /// One object
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines
    Sarif,
}

/// Returns the exit status.
pub(super) fn run(options: &Options) -> u8 {
    if options.print {
        return print_effective(options);
    }
    if options.pair && options.files.len() != 2 {
        eprintln!("--pair takes two FILEs");
        return 2;
    }
    let report = check(options);
    let text = report.render(options.format.resolve());
    write_all(&text).unwrap_or_else(|| report.exit_status())
}

/// Writes to stdout; the exit status where that failed, so that a full disk is not taken for a clean file.
fn write_all(text: &str) -> Option<u8> {
    let mut stdout = io::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => None,
        // A reader that has gone away has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
        Err(error) => {
            eprintln!("cannot write the report to the standard output: {error}");
            Some(2)
        }
    }
}

fn check(options: &Options) -> Report {
    let host = options.host();
    let mut report = Report::default();
    if options.offline {
        report.notes.push(OfflineHost::note());
    }
    let mut nodes = Vec::new();
    for (index, file) in options.files.iter().enumerate() {
        let loaded = load(file, &options.load_options(index), host.as_ref());
        if options.pair {
            nodes.push(loaded.clone());
        }
        report.add(&file.display().to_string(), loaded);
    }
    if let ([first, second], [a, b]) = (nodes.as_slice(), options.files.as_slice()) {
        let between = format!("between {} and {}", a.display(), b.display());
        report.add_pair(&between, compare(first, second));
    }
    report
}

/// The FILE's configuration to stdout, and what there is to say about it to stderr.
fn print_effective(options: &Options) -> u8 {
    if options.files.len() > 1 {
        eprintln!("--print takes one FILE");
        return 2;
    }
    let host = options.host();
    let secrets = if options.show_secrets {
        Secrets::Shown
    } else {
        Secrets::Hidden
    };
    let mut report = Report::default();
    let mut text = String::new();
    for file in &options.files {
        let loaded = load(file, &options.load_options(0), host.as_ref());
        text += &print(&loaded, secrets);
        report.add(&file.display().to_string(), loaded);
    }
    let drawing = drawing_for(&io::stderr());
    let _ = io::stderr().write_all(report.render(Format::Human(drawing)).as_bytes());
    write_all(&text).unwrap_or_else(|| report.exit_status())
}

impl Options {
    /// For the file at this place of the command line.
    fn load_options(&self, index: usize) -> LoadOptions {
        let of_node = [&self.id_a, &self.id_b].into_iter().nth(index);
        LoadOptions {
            config_id: of_node
                .and_then(Clone::clone)
                .or_else(|| self.config_id.clone()),
            origins: self.print || self.pair,
            ..LoadOptions::default()
        }
    }

    fn host(&self) -> Box<dyn Host> {
        if self.offline {
            Box::new(OfflineHost)
        } else {
            Box::new(SystemHost)
        }
    }
}

impl OutputFormat {
    fn resolve(self) -> Format {
        match self {
            Self::Human => Format::Human(drawing_for(&io::stdout())),
            Self::Json => Format::Json,
            Self::Sarif => Format::Sarif,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Code;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    const INSTANCE: &str = "vrrp_instance a {
        interface nosuch0
        @one virtual_router_id 1
        virtual_ipaddress {
            192.0.2.1
        }
        notify /no/such/script
    }\n";

    /// Checks a file with these options and returns the complaints about it.
    fn codes(text: &str, words: &[&str]) -> Vec<Code> {
        let directory = tempfile::tempdir().expect("directory");
        let file = directory.path().join("a.conf");
        std::fs::write(&file, text).expect("written");
        let name = file.display().to_string();
        let line = Line::try_parse_from(
            ["check"]
                .iter()
                .chain(words)
                .copied()
                .chain([name.as_str()]),
        )
        .expect("understood");
        let report = check(&line.options);
        report
            .files
            .iter()
            .flat_map(|file| &file.complaints)
            .filter(|complaint| complaint.severity > crate::config::Severity::Note)
            .map(|complaint| complaint.code)
            .collect()
    }

    #[test]
    fn offline_every_interface_and_script_exists() {
        let on_this_host = codes(INSTANCE, &["-i", "one"]);
        assert_eq!(on_this_host, [Code::UnknownInterface, Code::ScriptUnusable]);
        assert_eq!(codes(INSTANCE, &["--offline", "-i", "one"]), []);
    }

    #[test]
    fn conditions_count_for_the_identity_that_is_given() {
        assert_eq!(codes(INSTANCE, &["--offline"]), [Code::MissingKeyword]);
    }

    #[test]
    fn a_pair_of_which_one_file_cannot_be_read_is_not_compared() {
        let directory = tempfile::tempdir().expect("directory");
        let there = directory.path().join("a.conf");
        std::fs::write(&there, INSTANCE).expect("written");
        let missing = directory.path().join("b.conf");
        let words = ["check", "--offline", "--pair", "-i", "one"].map(Into::into);
        let files = [there.into_os_string(), missing.into_os_string()];
        let line = Line::try_parse_from(words.into_iter().chain(files)).expect("understood");
        let report = check(&line.options);
        let codes: Vec<Vec<Code>> = report
            .files
            .iter()
            .map(|file| file.complaints.iter().map(|it| it.code).collect())
            .collect();
        let [_, unreadable, between] = codes.as_slice() else {
            panic!("{codes:?}");
        };
        assert_eq!(*unreadable, [Code::NoConfiguration]);
        assert_eq!(*between, [Code::PairUnknown]);
        assert_eq!(report.exit_status(), 2);
    }
}
