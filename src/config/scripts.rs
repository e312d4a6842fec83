//! From the text of a script to a command that can be run: its user, its program, its safety (keepalived: core/notify.c).

use super::diagnostic::{Code, Finding, Findings};
use super::host::{Host, ProgramFault};
use super::keyword::{ScriptText, Spanned};
use super::lexer;
use super::lines::Span;
use crate::types::{ScriptCommand, UserId};

/// The user that scripts run as if it exists and the file names nobody.
const DEFAULT_USER: &str = "keepalived_script";

/// A user and a group by name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct UserText {
    pub(crate) user: String,
    pub(crate) group: Option<String>,
}

/// How scripts are started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    pub(crate) set_supplementary_groups: bool,
    pub(crate) use_symlink_paths: bool,
}

/// Whom a script runs as.
#[derive(Clone, Debug)]
struct User {
    id: UserId,
    /// Beside its own.
    groups: Vec<u32>,
}

/// Resolves the scripts of one configuration.
pub(crate) struct Scripts<'h> {
    host: &'h dyn Host,
    /// Whom scripts run as that name nobody (`None`: as the daemon), or why that cannot be said.
    default_user: Result<Option<User>, String>,
    /// `enable_script_security`
    security: bool,
    ways: Ways,
    /// The first script of the file that counts for [`finish`](Self::finish).
    first: Option<Span>,
}

impl<'h> Scripts<'h> {
    pub(crate) fn new(
        host: &'h dyn Host,
        script_user: Option<&Spanned<UserText>>,
        security: bool,
        ways: Ways,
        findings: &mut Findings,
    ) -> Self {
        let default_user = match script_user {
            Some(text) => user(host, &text.value, ways).map(Some).inspect_err(|why| {
                let message = format!("script_user: {why}");
                findings.push(Finding::new(Code::InvalidValue, text.span, message));
            }),
            None => match host.user(DEFAULT_USER) {
                // keepalived: with script security, root must be asked for by name.
                None if security => Err(format!(
                    "there is no user '{DEFAULT_USER}' and no 'script_user'"
                )),
                found => Ok(found.map(|id| User {
                    id,
                    groups: groups(host, DEFAULT_USER, id, ways),
                })),
            },
        };
        Self {
            host,
            default_user,
            security,
            ways,
            first: None,
        }
    }

    /// A script of a `vrrp_script` counts for [`finish`](Self::finish) even where its program is missing (keepalived).
    pub(crate) fn judge_tracked(
        &mut self,
        text: &ScriptText,
        user: Option<&Spanned<UserText>>,
        findings: &mut Findings,
    ) -> Result<ScriptCommand, String> {
        if self.user_of(text, user).is_ok() {
            self.note(text);
        }
        self.judge(text, user, findings)
    }

    /// The command, or `None` with a complaint where it cannot be run.
    pub(crate) fn resolve(
        &mut self,
        text: &ScriptText,
        user: Option<&Spanned<UserText>>,
        findings: &mut Findings,
    ) -> Option<ScriptCommand> {
        self.judge(text, user, findings).ok()
    }

    fn note(&mut self, text: &ScriptText) {
        let first = self.first.get_or_insert(text.span);
        *first = text.span.min(*first);
    }

    /// The command as it stands in the file.
    pub(crate) fn as_written(text: &ScriptText) -> ScriptCommand {
        ScriptCommand {
            argv: lexer::split_command(&text.command),
            user: None,
            ..ScriptCommand::default()
        }
    }

    /// The command, or why it cannot be run, which is a complaint too.
    pub(crate) fn judge(
        &mut self,
        text: &ScriptText,
        user: Option<&Spanned<UserText>>,
        findings: &mut Findings,
    ) -> Result<ScriptCommand, String> {
        let refusal = match self.command(text, user) {
            Ok(command) => {
                self.note(text);
                return Ok(command);
            }
            Err(refusal) => refusal,
        };
        let message = format!("{}; the script is not run", refusal.why);
        let finding = Finding::new(Code::ScriptUnusable, text.span, message);
        findings.push(finding.maybe_help(refusal.help));
        Err(refusal.why)
    }

    fn command(
        &self,
        text: &ScriptText,
        user: Option<&Spanned<UserText>>,
    ) -> Result<ScriptCommand, Refusal> {
        let user = self.user_of(text, user).map_err(|why| {
            let help = match text.user {
                Some(_) => "a command with arguments needs double quotes around all of it",
                None => "'script_user USER' in 'global_defs' says whom scripts run as",
            };
            Refusal::new(why, Some(help.to_owned()))
        })?;
        // Opening a connection and the like is left to a shell (keepalived).
        if text.command.starts_with("</") {
            let argv = ["/bin/sh", "-c", text.command.as_str()]
                .map(str::to_owned)
                .to_vec();
            return Ok(script_command(argv, None, user));
        }
        let mut argv = lexer::split_command(&text.command);
        let Some(program) = argv.first_mut() else {
            return Err(Refusal::new("the command is empty".to_owned(), None));
        };
        let groups = user.as_ref().map_or(&[][..], |user| &user.groups);
        let runs_as = user
            .as_ref()
            .map_or_else(|| self.host.own_user(), |user| user.id);
        let found = self
            .host
            .program(program, runs_as, groups)
            .map_err(|fault| Refusal::new(fault.to_string(), remedy(&fault)))?;
        if let (Some(component), true) = (found.insecure, self.security) {
            let why = format!("unsafe permissions: {component}");
            let help = "enable_script_security wants every part to belong to root and to be writable by nobody else";
            return Err(Refusal::new(why, Some(help.to_owned())));
        }
        let is_link = found.real != found.path && !self.ways.use_symlink_paths;
        *program = found.path;
        Ok(script_command(argv, is_link.then_some(found.real), user))
    }

    /// Once at the end: scripts run although nobody asked for them to be safe.
    pub(crate) fn finish(self, findings: &mut Findings) {
        if let (Some(first), false) = (self.first, self.security) {
            findings.push(
                Finding::new(
                    Code::ScriptSecurity,
                    first,
                    "SECURITY VIOLATION - scripts are being executed but script_security not enabled.",
                )
                .help("'enable_script_security' in 'global_defs'"),
            );
        }
    }

    /// A user and group by name.
    pub(crate) fn user(&self, text: &UserText) -> Result<UserId, String> {
        user_id(self.host, text)
    }

    fn user_of(
        &self,
        text: &ScriptText,
        of_block: Option<&Spanned<UserText>>,
    ) -> Result<Option<User>, String> {
        match (&text.user, of_block) {
            (Some(name), _) => user(
                self.host,
                &UserText {
                    user: name.clone(),
                    group: text.group.clone(),
                },
                self.ways,
            )
            .map(Some),
            (None, Some(of_block)) => user(self.host, &of_block.value, self.ways).map(Some),
            (None, None) => self.default_user.clone(),
        }
    }
}

/// Why a script is not run, and what to do about it.
struct Refusal {
    why: String,
    help: Option<String>,
}

impl Refusal {
    fn new(why: String, help: Option<String>) -> Self {
        Self { why, help }
    }
}

fn script_command(argv: Vec<String>, program: Option<String>, user: Option<User>) -> ScriptCommand {
    ScriptCommand {
        argv,
        program,
        user: user.as_ref().map(|user| user.id),
        groups: user.map(|user| user.groups).unwrap_or_default(),
    }
}

fn user(host: &dyn Host, text: &UserText, ways: Ways) -> Result<User, String> {
    let id = user_id(host, text)?;
    let groups = groups(host, &text.user, id, ways);
    Ok(User { id, groups })
}

fn groups(host: &dyn Host, name: &str, id: UserId, ways: Ways) -> Vec<u32> {
    if ways.set_supplementary_groups {
        host.supplementary_groups(name, id.gid)
    } else {
        Vec::new()
    }
}

fn user_id(host: &dyn Host, text: &UserText) -> Result<UserId, String> {
    let id = host
        .user(&text.user)
        .ok_or_else(|| format!("there is no user '{}'", text.user))?;
    let gid = match &text.group {
        Some(group) => host
            .group(group)
            .ok_or_else(|| format!("there is no group '{group}'"))?,
        None => id.gid,
    };
    Ok(UserId { gid, ..id })
}

fn remedy(fault: &ProgramFault) -> Option<String> {
    match fault {
        ProgramFault::NotPermitted {
            path,
            verb: "execute",
            ..
        } => Some(format!("chmod +x {path}, or name another user")),
        ProgramFault::NotPermitted { .. } => Some("name a user who may".to_owned()),
        ProgramFault::Missing { .. }
        | ProgramFault::NotInPath { .. }
        | ProgramFault::NotAFile { .. }
        | ProgramFault::Unreadable { .. } => None,
    }
}
