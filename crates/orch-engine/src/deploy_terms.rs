//! What a repository is deployed to, as this host's settings have it, and the order of a hook.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::health::HealthLook;
use orch_ports::runner::{HookSecret, HookTerms, HookWalls, Ordered, RunOrder};
use orch_rules::deploy::line::TargetSettings;
use orch_rules::deploy::looks::LookPlan;
use orch_rules::deploy::{Deployment, Running};
use orch_rules::ids::DeployTarget;

use crate::repository_context::Program;

/// One deploy target.
#[derive(Clone)]
pub struct DeployTerms {
    /// Its name.
    pub target: DeployTarget,
    /// Program and arguments of its hook.
    pub hook: Vec<String>,
    /// The hook brings the previous one back when it is called with `--rollback`.
    pub rollback: bool,
    /// What does not run is mended by another change of its task, and not taken back.
    pub forward: bool,
    /// Whoever changes one of these, changes something there that cannot be taken back ([`orch_rules::path_pattern`]).
    pub irreversible: Vec<String>,
    /// A hook is stopped after so long.
    pub deadline_ms: u64,
    /// Looks after a deployment.
    pub after_deploy: LookPlan,
    /// Looks after a rollback.
    pub after_rollback: LookPlan,
    /// What was found healthy is watched for so long; 0: not at all.
    pub bake_ms: u64,
    /// Between two looks beside the line; 0: none.
    pub watch_ms: u64,
    /// After a hook that is known to be dead, before it is believed that nothing of it acts any more.
    pub settle_ms: u64,
    /// What answers says its revision.
    pub says_revision: bool,
    /// Handed to the hook.
    pub secrets: Vec<HookSecret>,
    /// `TARGET_SERVICE`, `TARGET_PORT` and `COMPOSE_PROFILE` of the hook.
    pub names: [Option<String>; 3],
    /// Looks at what answers.
    pub health: Arc<dyn HealthLook>,
}

/// What a hook is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookVerb {
    /// Bring the candidate.
    Deploy,
    /// Bring the previous one back.
    Rollback,
}

impl DeployTerms {
    /// For the rules.
    pub fn offers(&self) -> TargetSettings {
        TargetSettings { rollback: self.rollback }
    }

    /// The run of a hook. Its environment has what stands here and nothing else.
    pub fn hook_order(
        &self,
        name: &str,
        verb: HookVerb,
        (one, folder): (&Deployment, &Utf8Path),
        before: Option<(&Running, Option<Utf8PathBuf>)>,
        number: i64,
        program: &Program,
    ) -> RunOrder {
        let mut environment = program.check_environment.clone();
        let mut set = |name: &str, value: &str| _ = environment.insert(name.to_owned(), value.to_owned());
        set("BUILD_CONTEXT", folder.as_str());
        set("GIT_SHA", one.candidate.as_str());
        set("EXPECTED_REVISION", &one.revision);
        set("ORCH_DEPLOYMENT", one.id.as_str());
        set("ORCH_DEPLOY_SEQ", &number.to_string());
        set("ORCH_ARTIFACT", folder.as_str());
        for (name, value) in ["TARGET_SERVICE", "TARGET_PORT", "COMPOSE_PROFILE"].into_iter().zip(&self.names) {
            if let Some(value) = value {
                set(name, value);
            }
        }
        if let Some((previous, folder)) = &before {
            set("ORCH_PREVIOUS_REVISION", &previous.revision);
            if let Some(folder) = folder {
                set("ORCH_PREVIOUS_ARTIFACT", folder.as_str());
            }
        }
        let mut argv = self.hook.clone();
        if verb == HookVerb::Rollback {
            argv.push("--rollback".to_owned());
        }
        RunOrder {
            name: name.to_owned(),
            ordered: Ordered::Hook(HookTerms { walls: HookWalls::Nothing, secrets: self.secrets.clone() }),
            argv,
            directory: folder.to_owned(),
            appears: None,
            environment,
            set_up: None,
            result_file: None,
            finish: Vec::new(),
            deadline_ms: self.deadline_ms,
            stall_ms: 0,
            stop_grace_ms: program.stop_grace_ms,
            output_cap_bytes: program.output_cap_bytes,
            read_only: Vec::new(),
            read_write: Vec::new(),
            model: None,
            stop: Vec::new(),
        }
    }
}
