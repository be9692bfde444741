//! Levels of confinement as tests ask for them.

use std::path::Path;
use std::sync::OnceLock;

use orch_run::{Account, Confinement, Made, Spec, Trial, Tried, available};

use crate::bench::{Bench, not_run_here, supervisor};

/// A bench in a place that other accounts can reach.
pub fn open_bench() -> Bench {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let folder = bench.runs().parent().unwrap().to_owned();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    bench
}

/// A level, and who makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    pub level: Confinement,
    pub made: Made,
}

impl From<Confinement> for How {
    /// As it is made where everything is there.
    fn from(level: Confinement) -> Self {
        Self { level, made: if level >= Confinement::Landlock { Made::Namespaces } else { Made::Plainly } }
    }
}

/// Found out once, as it takes a run for each.
fn tried() -> &'static [Tried] {
    static TRIED: OnceLock<Vec<Tried>> = OnceLock::new();
    TRIED.get_or_init(|| {
        let bench = open_bench();
        let folder = bench.runs().parent().unwrap().to_owned();
        available(&Trial { user: None, program: &supervisor(), folder: &folder, command: &[], env: &[] })
    })
}

/// `true` if this host has the level; else the test is listed as not run.
pub fn here(how: impl Into<How>, test: &str) -> bool {
    let how = how.into();
    let answer = match how.made {
        Made::Bubblewrap if !Path::new("/usr/bin/bwrap").exists() => Err("there is no bwrap".to_owned()),
        // Whether it works is what the test is about, where it is installed.
        Made::Bubblewrap => Ok(how.made),
        _ => tried().iter().find(|(of, _)| *of == how.level).unwrap().1.clone(),
    };
    if let Err(problem) = &answer {
        not_run_here(test, &format!("{}: {problem}", how.level.name()));
    }
    answer.is_ok()
}

pub fn confined(bench: &Bench, how: impl Into<How>, script: &str) -> Spec {
    let how = how.into();
    let mut spec = bench.script(script);
    spec.confinement = how.level;
    spec.plan.namespaces = how.made == Made::Namespaces;
    if rustix::process::geteuid().is_root() {
        spec.plan.account = Some(Account::named("nobody").unwrap());
    }
    spec.plan.scratch = Some(bench.runs().parent().unwrap().join("scratch"));
    spec.env.insert("HOME".into(), "/root".into());
    spec
}
