//! Claude Code, by its JSON lines (`claude -p --output-format stream-json --verbose`).
//!
//! What it prints, when it retries and how it ends was recorded from 2.1.329 and 2.1.197: `fixtures/`, one recording
//! a case. Its exit code and its word `success` are worth nothing alone: it exits 0 when every write was refused.

mod outcome;
mod readable;
#[cfg(test)]
mod recorded_tests;
mod report;
mod usage;

use std::collections::BTreeMap;
use std::io::BufRead;

use orch_ports::agent::{
    Agent, AgentReport, Assignment, Launch, MODEL_ADDRESS, MODEL_KEY, ModelAccess, ModelWire, StopStep,
};
use orch_rules::attempt::RunEnd;
use orch_rules::pipeline::Role;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ready::{KnownProgram, ProgramVersion, ready, told_version};
use super::{stop, told};

/// How Claude Code is told what it may do without asking; nobody is there to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PermissionMode {
    /// Everything: the run's confinement is the limit. Claude Code refuses this to root.
    #[default]
    Bypass,
    /// Edits, and the tools of its role; whatever else it tries fails the run.
    AcceptEdits,
}

/// Tools of every role: to read, to run, to write documents. A later version brings none by itself; those that leave the
/// clone, sleep, plan a time, start other agents, talk to other sessions or go to the network by the vendor are not among
/// them.
pub const TOOLS: &[&str] = &["Bash", "Edit", "Glob", "Grep", "Read", "Write"];

/// Tools of roles that write code, besides.
pub const CODE_TOOLS: &[&str] = &["NotebookEdit", "TodoWrite"];

fn tools(role: Role) -> String {
    let code: &[&str] = if matches!(role, Role::Developer | Role::Tester) { CODE_TOOLS } else { &[] };
    [TOOLS, code].concat().join(",")
}

/// Settings above those of its home: nothing that lies anywhere makes it run a command of its own.
const SETTINGS: &str = r#"{"disableAllHooks":true,"enableAllProjectMcpServers":false,"includeCoAuthoredBy":false}"#;

/// Claude Code on this host.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaudeCode {
    /// Its program: a path, or a name on the `PATH` of [`Self::environment`].
    pub program: String,
    /// The model it asks for; `None` leaves the choice to it.
    pub model: Option<String>,
    /// What it may do.
    pub permission_mode: PermissionMode,
    /// Name of the credential in the host settings.
    pub credential: String,
    /// Its environment; what the adapter needs is added.
    pub environment: BTreeMap<String, String>,
}

impl std::fmt::Debug for ClaudeCode {
    /// Names of variables only: among the values may be keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.environment.keys().collect();
        f.debug_struct("ClaudeCode")
            .field("program", &self.program)
            .field("model", &self.model)
            .field("permission_mode", &self.permission_mode)
            .field("credential", &self.credential)
            .field("environment", &names)
            .finish()
    }
}

/// Requests that are asked again before it gives up: 4 seconds in all. Waiting longer is the line's business, which
/// pauses the credential and holds no slot meanwhile.
const MAX_RETRIES: u32 = 3;

/// What it is started with is known to this release and to those after it.
pub const KNOWN: KnownProgram =
    KnownProgram { at_least: (2, 1, 197), install: "npm install -g @anthropic-ai/claude-code@latest" };

/// Sessions of older ones belong to a folder, and each attempt has another one.
const RESUMES: ProgramVersion = (2, 1, 329);

/// After SIGINT it kills its tools and mostly prints a result with figures; after SIGTERM only the former.
const STOP: &[StopStep] = &[stop::step(stop::INTERRUPT, 5_000), stop::step(stop::TERMINATE, 5_000)];

impl Agent for ClaudeCode {
    fn name(&self) -> &str {
        "claude_code"
    }

    fn credential(&self) -> Option<String> {
        Some(self.credential.clone())
    }

    fn ready(&self) -> Result<(), String> {
        ready(&self.program, &self.environment, Some(&KNOWN))
    }

    fn resumes(&self) -> bool {
        told_version(&self.program, &self.environment).is_none_or(|told| told >= RESUMES)
    }

    fn obstacle(&self, in_repository: &dyn Fn(&str) -> bool) -> Option<String> {
        crate::agent::program::obstacle(&self.program, &self.environment, in_repository)
    }

    fn launch(&self, assignment: &Assignment) -> Launch {
        let home = &assignment.home;
        let resume = assignment.resume.clone().filter(|id| told::is_session(id));
        let goes_on = resume.is_some();
        let session = resume.unwrap_or_else(|| session_id(assignment));
        let files = BTreeMap::from([told::temporary_folder(home)]);
        let mut argv: Vec<String> = [
            self.program.as_str(),
            "-p",
            &told::errand(assignment, goes_on),
            "--output-format",
            "stream-json",
            "--verbose",
            if goes_on { "--resume" } else { "--session-id" },
            &session,
        ]
        .map(str::to_owned)
        .into();
        let mut more = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
        match self.permission_mode {
            PermissionMode::Bypass => more(&["--dangerously-skip-permissions"]),
            PermissionMode::AcceptEdits => {
                more(&["--permission-mode", "acceptEdits", "--allowedTools", &tools(assignment.role)]);
            }
        }
        more(&["--tools", &tools(assignment.role)]);
        // Of settings, hooks, servers, memories, skills and commands it reads none that the branch brings.
        more(&["--setting-sources", "user", "--strict-mcp-config", "--disable-slash-commands", "--settings", SETTINGS]);
        if let Some(model) = &self.model {
            more(&["--model", model]);
        }
        if !assignment.prompt.is_empty() {
            // A session that goes on keeps the text it began with; that is the same text, for the same role.
            more(&["--append-system-prompt-file", assignment.prompt_file().as_str()]);
        }
        let mut environment = self.environment.clone();
        let own = [
            ("ANTHROPIC_BASE_URL", MODEL_ADDRESS.to_owned()),
            ("ANTHROPIC_API_KEY", MODEL_KEY.to_owned()),
            ("CLAUDE_CONFIG_DIR", home.join("claude").into_string()),
            ("CLAUDE_CODE_TMPDIR", home.join("tmp").into_string()),
            ("TMPDIR", home.join("tmp").into_string()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
            ("DISABLE_TELEMETRY", "1".to_owned()),
            ("DISABLE_ERROR_REPORTING", "1".to_owned()),
            ("DISABLE_AUTOUPDATER", "1".to_owned()),
            ("CLAUDE_CODE_MAX_RETRIES", MAX_RETRIES.to_string()),
            // Tools of its own that are only a search away would be offered otherwise.
            ("ENABLE_TOOL_SEARCH", "false".to_owned()),
            // A shell left in the background keeps the process, and the slot, after the result.
            ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1".to_owned()),
        ];
        let variables = told::variables(assignment).into_iter().chain(own);
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
        Launch {
            argv,
            environment,
            files,
            model: Some(ModelAccess { wire: ModelWire::AnthropicMessages, credential: self.credential.clone() }),
            stop: STOP.to_vec(),
            session: Some(session),
        }
    }

    fn report(
        &self,
        end: &RunEnd,
        _result: Option<&Value>,
        resumed: Option<&str>,
        output: &mut dyn BufRead,
    ) -> AgentReport {
        report::Heard::of(output).report(end, resumed, &self.credential)
    }

    fn readable(&self, line: &str) -> Option<String> {
        readable::line(line)
    }
}

/// A UUID (version 8, RFC 9562: made by a rule of our own) that the same attempt always gets and no other one does:
/// Claude Code refuses an id that it has seen.
fn session_id(assignment: &Assignment) -> String {
    let Assignment { task, role, attempt, .. } = assignment;
    let digest = Sha256::digest(format!("orchestrion/{task}/{}/{attempt}", role.name()));
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in id.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
