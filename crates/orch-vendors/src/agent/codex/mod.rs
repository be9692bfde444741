//! Codex, by its JSON lines (`codex exec --json`).
//!
//! What it prints, when it retries and how it ends was recorded from 0.169.0: `fixtures/`, one recording a case. It
//! has no error codes, so its words are matched; the proxy of the run knows more and is asked first.

mod outcome;
mod readable;
#[cfg(test)]
mod recorded_tests;
mod report;
mod session;

use std::collections::BTreeMap;
use std::io::BufRead;

use orch_ports::agent::{
    Agent, AgentReport, Assignment, Launch, MODEL_ADDRESS, MODEL_KEY, ModelAccess, ModelWire, StopStep,
};
use orch_rules::attempt::RunEnd;
use serde_json::Value;

use super::ready::{KnownProgram, ready};
use super::{stop, told};
use session::Session;

/// Codex on this host.
#[derive(Clone, PartialEq, Eq)]
pub struct Codex {
    /// Its program: a path, or a name on the `PATH` of [`Self::environment`].
    pub program: String,
    /// The model it asks for; `None` leaves the choice to it.
    pub model: Option<String>,
    /// Name of the credential in the host settings.
    pub credential: String,
    /// Its environment; what the adapter needs is added.
    pub environment: BTreeMap<String, String>,
}

impl std::fmt::Debug for Codex {
    /// Names of variables only: among the values may be keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.environment.keys().collect();
        f.debug_struct("Codex")
            .field("program", &self.program)
            .field("model", &self.model)
            .field("credential", &self.credential)
            .field("environment", &names)
            .finish()
    }
}

/// Earlier ones do not know some of the features that are switched off.
pub const KNOWN: KnownProgram = KnownProgram { at_least: (0, 169, 0), install: "npm install -g @openai/codex@latest" };

/// SIGTERM would leave its tools running and lose its figures; SIGINT ends it and them.
const STOP: &[StopStep] = &[stop::step(stop::INTERRUPT, 5_000)];

/// Features that are of no use here: they run what the branch brings, leave the clone, sleep, or work at the vendor.
const OFF: &[&str] = &[
    "apps",
    "browser_use",
    "computer_use",
    "goals",
    "hooks",
    "image_generation",
    "multi_agent",
    "plugins",
    "remote_plugin",
    "skill_mcp_dependency_install",
    "skill_search",
    "sleep_tool",
    "tool_suggest",
];

/// The provider it is given: the proxy of the run, with few retries. Longer waits are the line's business, which
/// pauses the credential and holds no slot meanwhile.
fn provider() -> String {
    format!(
        "model_providers.orch={{name=\"orch\",base_url=\"{MODEL_ADDRESS}/v1\",env_key=\"OPENAI_API_KEY\",\
         wire_api=\"responses\",request_max_retries=1,stream_max_retries=2}}"
    )
}

impl Agent for Codex {
    fn name(&self) -> &str {
        "codex"
    }

    fn credential(&self) -> Option<String> {
        Some(self.credential.clone())
    }

    fn ready(&self) -> Result<(), String> {
        ready(&self.program, &self.environment, Some(&KNOWN))
    }

    fn obstacle(&self, in_repository: &dyn Fn(&str) -> bool) -> Option<String> {
        crate::agent::program::obstacle(&self.program, &self.environment, in_repository)
    }

    fn launch(&self, assignment: &Assignment) -> Launch {
        let home = &assignment.home;
        let session = assignment.resume.as_deref().and_then(Session::parse);
        let mut argv = vec![self.program.clone(), "exec".to_owned()];
        let mut more = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
        if session.is_some() {
            more(&["resume"]);
        }
        more(&["--json", "-c", "model_provider=\"orch\"", "-c", &provider()]);
        // It asks other hosts for news otherwise.
        more(&["-c", "analytics.enabled=false", "-c", "check_for_update_on_startup=false"]);
        // Of the branch it reads no instructions, settings, rules, hooks or skills.
        more(&["-c", "project_doc_max_bytes=0", "--ignore-user-config", "--ignore-rules"]);
        more(&[
            "-c",
            "web_search=\"disabled\"",
            "-c",
            "skills.include_instructions=false",
            "-c",
            "skills.bundled.enabled=false",
        ]);
        for feature in OFF {
            more(&["--disable", feature]);
        }
        // The run's confinement is the limit; its own keeps it from committing in a clone.
        more(&["--dangerously-bypass-approvals-and-sandbox"]);
        if let Some(model) = &self.model {
            more(&["-m", model]);
        }
        if let Some(session) = &session {
            more(&[&session.thread]);
        }
        more(&[&told::errand(assignment, session.is_some())]);
        let folder = home.join("codex");
        // Always written: its folder must be there before it starts. Codex reads it as the instructions of the
        // person it works for.
        let files =
            BTreeMap::from([(folder.join("AGENTS.md"), assignment.prompt.clone()), told::temporary_folder(home)]);
        let mut environment = self.environment.clone();
        let own = [
            ("OPENAI_API_KEY", MODEL_KEY.to_owned()),
            ("CODEX_HOME", folder.into_string()),
            ("TMPDIR", home.join("tmp").into_string()),
        ];
        let variables = told::variables(assignment).into_iter().chain(own);
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
        Launch {
            argv,
            environment,
            files,
            model: Some(ModelAccess { wire: ModelWire::OpenAiResponses, credential: self.credential.clone() }),
            stop: STOP.to_vec(),
            session: assignment.resume.clone().filter(|_| session.is_some()),
        }
    }

    fn report(
        &self,
        end: &RunEnd,
        _result: Option<&Value>,
        resumed: Option<&str>,
        output: &mut dyn BufRead,
    ) -> AgentReport {
        report::Heard::of(output).report(end, resumed.and_then(Session::parse), &self.credential)
    }

    fn readable(&self, line: &str) -> Option<String> {
        readable::line(line)
    }
}
