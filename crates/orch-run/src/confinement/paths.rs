//! Which paths a confined run gets, and the environment that goes with them.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan::SCRATCH;
use crate::Spec;

/// What may be done with a path and everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Access {
    /// Read, list, execute.
    Read,
    /// Everything.
    Write,
}

/// A path of the host that the run gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bind {
    pub(crate) access: Access,
    pub(crate) path: PathBuf,
    /// The path that the run knows it by.
    pub(crate) at: PathBuf,
}

/// Paths of the host, and how they appear to the run; empty where it has no mount namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Appears(Vec<(String, String)>);

impl Appears {
    pub(crate) fn of(spec: &Spec) -> Self {
        let pairs = spec.plan.appears.iter().filter_map(|(path, at)| Some((path.to_str()?, at.to_str()?)));
        Self(pairs.map(|(path, at)| (path.to_owned(), at.to_owned())).collect())
    }

    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        let found = self.0.iter().find_map(|(from, at)| Some(Path::new(at).join(path.strip_prefix(from).ok()?)));
        found.map_or_else(|| path.to_owned(), |at| at.components().collect())
    }

    /// Every one of these paths within a text: an argument, or a value of the environment.
    pub(crate) fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (from, at)| {
            let mut pieces = text.split(from.as_str());
            let mut told = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                // A longer name that begins alike is another path.
                let ends = piece.chars().next().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_'));
                told.push_str(if ends { at } else { from });
                told.push_str(piece);
            }
            told
        })
    }
}

/// Parts of `/etc` that programs need; nothing else of it is there.
pub(crate) const ETC: &[&str] = &[
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/fonts",
    "/etc/group",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/profile",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/terminfo",
    "/etc/timezone",
];

/// The system's programs.
pub(crate) const SYSTEM: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// A path without `..`: what such a path goes through on its way may not be among the run's files. One that leads nowhere
/// stays as it is.
pub(crate) fn straight(path: &Path) -> PathBuf {
    if !path.is_absolute() || !path.components().any(|part| part == Component::ParentDir) {
        return path.to_owned();
    }
    let found = match (path.parent(), path.file_name()) {
        // The name itself stays: what is started by a link may look at what it was called by.
        (Some(parent), Some(name)) => parent.canonicalize().map(|parent| parent.join(name)),
        _ => path.canonicalize(),
    };
    found.unwrap_or_else(|_| path.to_owned())
}

/// A word of a command, the same way: a path, or one behind `NAME=`.
pub(crate) fn straight_word(word: &str) -> String {
    let (name, path) = word.rsplit_once('=').map_or(("", word), |(name, path)| (&word[..=name.len()], path));
    straight(Path::new(path)).to_str().map_or_else(|| word.to_owned(), |path| format!("{name}{path}"))
}

/// Every path of the run besides the system's, parents before what lies in them.
pub(crate) fn of(spec: &Spec, run_directory: &Path, appears: &Appears) -> Vec<Bind> {
    let mut found: BTreeMap<PathBuf, Access> = BTreeMap::new();
    for path in toolchains(spec, run_directory).into_iter().chain(spec.plan.read_only.iter().cloned()) {
        found.insert(straight(&path), Access::Read);
    }
    let writable = [&spec.cwd].into_iter().chain(&spec.plan.read_write).chain(&spec.plan.scratch);
    for path in writable {
        found.insert(path.clone(), Access::Write);
    }
    // A link in a folder that is there, such as ~/.local/bin/claude, is there with it, and nothing can be bound over it.
    // What it leads to is in the list by its own name.
    let comes_along =
        |path: &Path| path.is_symlink() && path.ancestors().skip(1).any(|above| found.contains_key(above));
    // A path sorts behind its parents, so later binds lie in earlier ones.
    let there = found.iter().filter(|(path, _)| path.exists() && !comes_along(path));
    let bind = |(path, access): (&PathBuf, &Access)| Bind {
        access: *access,
        path: path.clone(),
        at: straight(&appears.path(path)),
    };
    let mut binds: Vec<_> = there.map(bind).collect();
    binds.sort_by(|one, other| one.at.cmp(&other.at));
    binds
}

/// What the environment and the commands name: folders of `PATH`, toolchains, the programs' own folders, files among the
/// agent's arguments. Never a folder with more in it than programs: a home, a temporary folder, or one the run directory
/// lies in.
fn toolchains(spec: &Spec, run_directory: &Path) -> Vec<PathBuf> {
    let home = spec.env.get("HOME").map(PathBuf::from);
    let too_wide = |path: &Path| {
        path.parent().is_none()
            || ["/tmp", "/var", "/var/tmp", "/etc", "/home", "/root", "/run", "/srv", "/mnt", "/media", "/opt"]
                .iter()
                .any(|wide| path == Path::new(wide))
            || run_directory.starts_with(path)
            || home.as_ref().is_some_and(|home| home.starts_with(path))
    };
    let system = |path: &Path| SYSTEM.iter().any(|system| path.starts_with(system));
    let mut found = Vec::new();
    let mut add = |path: PathBuf| {
        let path = straight(&path);
        if path.is_absolute() && !too_wide(&path) && !system(&path) && path.exists() {
            found.push(path);
        }
    };
    for folder in search_path(&spec.env) {
        // A prefix such as ~/.nvm/versions/node/v20 needs its libraries beside its programs; never all of it, for ~/.local
        // is a prefix too and holds what people keep to themselves.
        if let Some(prefix) = folder.parent().filter(|_| folder.ends_with("bin")) {
            ["include", "lib", "lib64", "libexec"].into_iter().for_each(|name| add(prefix.join(name)));
        }
        add(folder);
    }
    let of_home = |variable: &str, name: &str| {
        spec.env.get(variable).map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join(name)))
    };
    if let Some(cargo) = of_home("CARGO_HOME", ".cargo") {
        // Not the whole: it holds the credentials of registries.
        ["bin", "registry", "git"].into_iter().for_each(|name| add(cargo.join(name)));
    }
    if let Some(rustup) = of_home("RUSTUP_HOME", ".rustup") {
        add(rustup);
    }
    for variable in ["GOROOT", "GOMODCACHE", "JAVA_HOME"] {
        spec.env.get(variable).map(PathBuf::from).into_iter().for_each(&mut add);
    }
    for argv in std::iter::once(&spec.argv).chain(&spec.finish) {
        let Some(program) = argv.first().and_then(|word| located(word, &spec.env)) else { continue };
        let real = program.canonicalize().unwrap_or_else(|_| program.clone());
        // A package of node needs those beside it.
        let install = real.ancestors().filter(|above| above.ends_with("node_modules")).last();
        install.or(real.parent()).map(Path::to_owned).into_iter().for_each(&mut add);
        add(program);
        add(real);
    }
    // `env NAME=/file /program …`, `node /program.js`: who wrote the command line meant them to be read.
    for word in spec.argv.iter().skip(1) {
        let path = Path::new(word.rsplit_once('=').map_or(word.as_str(), |(_, value)| value));
        if path.is_absolute() && path.is_file() {
            add(path.to_owned());
            path.canonicalize().into_iter().for_each(&mut add);
        }
    }
    found
}

fn search_path(env: &BTreeMap<String, String>) -> impl Iterator<Item = PathBuf> {
    env.get("PATH").map(String::as_str).unwrap_or_default().split(':').map(PathBuf::from).filter(|p| p.is_absolute())
}

/// The file that starting `program` would run.
fn located(program: &str, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_absolute());
    }
    search_path(env).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The environment of a confined run: its own home and temporary folder, no path to ours.
pub(crate) fn environment(spec: &Spec, own_tmp: bool, appears: &Appears) -> BTreeMap<String, String> {
    let env = environment_outside(spec, own_tmp);
    env.into_iter().map(|(name, value)| (name, appears.text(&value))).collect()
}

/// An environment for a run that has no folder of its own.
pub(crate) fn without_scratch(env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    env.iter()
        .filter(|(_, value)| !value.contains(SCRATCH))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn environment_outside(spec: &Spec, own_tmp: bool) -> BTreeMap<String, String> {
    let Some(scratch) = &spec.plan.scratch else { return without_scratch(&spec.env) };
    let mut env = spec.env.clone();
    if let Some(search) = env.get_mut("PATH") {
        *search = search.split(':').map(straight_word).collect::<Vec<_>>().join(":");
    }
    if let Some(scratch) = scratch.to_str() {
        env.values_mut().for_each(|value| *value = value.replace(SCRATCH, scratch));
    }
    let its_own = |value: Option<&String>| {
        value.is_some_and(|path| {
            let mut writable = [&spec.cwd].into_iter().chain(&spec.plan.read_write).chain(&spec.plan.scratch);
            writable.any(|own| Path::new(path).starts_with(own))
        })
    };
    if let Some(home) = env.get("HOME").cloned() {
        for (variable, name) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let folder = Path::new(&home).join(name);
            if !env.contains_key(variable)
                && folder.is_dir()
                && let Some(folder) = folder.to_str()
            {
                env.insert(variable.to_owned(), folder.to_owned());
            }
        }
    }
    let mut set = |name: &str, path: PathBuf| {
        if !its_own(env.get(name))
            && let Some(path) = path.to_str()
        {
            env.insert(name.to_owned(), path.to_owned());
        }
    };
    set("HOME", scratch.join("home"));
    set("TMPDIR", if own_tmp { PathBuf::from("/tmp") } else { scratch.join("tmp") });
    for name in
        ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "GOCACHE", "GOPATH"]
    {
        if !its_own(env.get(name)) {
            env.remove(name);
        }
    }
    // Git gives up where the system's settings are there and may not be read; they are none of the run's.
    env.entry("GIT_CONFIG_NOSYSTEM".to_owned()).or_insert_with(|| "1".to_owned());
    if let Some(account) = &spec.plan.account {
        for name in ["USER", "LOGNAME"] {
            env.insert(name.to_owned(), account.name.clone());
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_appears_elsewhere_does_so_in_every_word() {
        let pairs = [("/home/u/.local/state/orch/places/a-1", "/repo/shop")];
        let appears = Appears(pairs.map(|(from, at)| (from.to_owned(), at.to_owned())).to_vec());
        for (text, told) in [
            ("/home/u/.local/state/orch/places/a-1", "/repo/shop"),
            ("--file=/home/u/.local/state/orch/places/a-1/x:y", "--file=/repo/shop/x:y"),
            ("/home/u/.local/state/orch/places/a-1:/home/u/.local/state/orch/places/a-1/b", "/repo/shop:/repo/shop/b"),
            ("/home/u/.local/state/orch/places/a-12/x", "/home/u/.local/state/orch/places/a-12/x"),
            ("/home/u/.local/state/orch/places/a-1.kept", "/home/u/.local/state/orch/places/a-1.kept"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(appears.text(text), told);
        }
        assert_eq!(appears.path(Path::new("/home/u/.local/state/orch/places/a-1")), Path::new("/repo/shop"));
        assert_eq!(appears.path(Path::new("/home/u/.local/state/orch/places/a-1/b")), Path::new("/repo/shop/b"));
        assert_eq!(appears.path(Path::new("/usr/lib")), Path::new("/usr/lib"));
        assert_eq!(Appears::default().text("/a"), "/a");
    }
}
