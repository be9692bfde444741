//! Where the host file and the state live: the usual folders (XDG Base Directory Specification 0.8), never the
//! user's tree (Y8).

use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::{Exit, Failure};

/// The places of one installation. Nothing is created here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The host file. Need not exist.
    pub config_file: Utf8PathBuf,
    /// Everything Orchestrion keeps. One service at a time.
    pub state: Utf8PathBuf,
}

impl Paths {
    /// `$ORCH_CONFIG`, else `$XDG_CONFIG_HOME/orch/host.toml`, else `~/.config/orch/host.toml`; `$ORCH_STATE_DIR`,
    /// else `$XDG_STATE_HOME/orch`, else `~/.local/state/orch`. `env` reads one environment variable.
    ///
    /// # Errors
    /// [`Exit::Settings`] if a place depends on `HOME` and that is not set, or is not an absolute path.
    pub fn of(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let config_file = match explicit(env, "ORCH_CONFIG")? {
            Some(file) => file,
            None => folder(env, "XDG_CONFIG_HOME", ".config", "ORCH_CONFIG")?.join("orch/host.toml"),
        };
        let state = match explicit(env, "ORCH_STATE_DIR")? {
            // The same words would name another state in every folder.
            Some(_) if env("ORCH_STATE_DIR").is_some_and(|text| !text.starts_with('/')) => {
                return Err(Failure::new(Exit::Settings, "ORCH_STATE_DIR is not an absolute path")
                    .at("ORCH_STATE_DIR")
                    .fix("name one that begins with /"));
            }
            Some(folder) => folder,
            None => folder(env, "XDG_STATE_HOME", ".local/state", "ORCH_STATE_DIR")?.join("orch"),
        };
        Ok(Self { config_file, state })
    }

    /// The SQLite database.
    pub fn database(&self) -> Utf8PathBuf {
        self.state.join("orch.db")
    }
    /// The access token of the HTTP service, mode 0600.
    pub fn token(&self) -> Utf8PathBuf {
        self.state.join("token")
    }
    /// Port and process id of the running service.
    pub fn service_file(&self) -> Utf8PathBuf {
        self.state.join("service.json")
    }
    /// The local forge of a repository: a bare repository.
    pub fn forge(&self, repository: &str) -> Utf8PathBuf {
        self.state.join("forge").join(format!("{repository}.git"))
    }
    /// The run directories.
    pub fn runs(&self) -> Utf8PathBuf {
        self.state.join("runs")
    }
    /// The folder of the host of runs.
    pub fn host(&self) -> Utf8PathBuf {
        self.state.join("host")
    }
    /// Clones and clean checkouts.
    pub fn places(&self) -> Utf8PathBuf {
        self.state.join("places")
    }
}

/// A place that a variable names, made absolute.
fn explicit(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<Utf8PathBuf>, Failure> {
    let Some(text) = env(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    std::path::absolute(&text).ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok()).map(Some).ok_or_else(|| {
        Failure::new(Exit::Settings, format!("`{text}` cannot be used as a path")).at(name).fix("name an absolute path")
    })
}

/// A base folder: the XDG variable if it is absolute (the specification says to ignore it otherwise), else below
/// the home folder.
fn folder(
    env: &dyn Fn(&str) -> Option<String>,
    xdg: &str,
    below_home: &str,
    instead: &str,
) -> Result<Utf8PathBuf, Failure> {
    if let Some(folder) = env(xdg).map(Utf8PathBuf::from).filter(|f| f.is_absolute()) {
        return Ok(folder);
    }
    match env("HOME").map(Utf8PathBuf::from).filter(|home| home.is_absolute()) {
        Some(home) => Ok(home.join(below_home)),
        None => Err(Failure::new(Exit::Settings, "no home folder is known")
            .at("HOME")
            .fix(format!("set {instead} or HOME to an absolute path"))),
    }
}

/// Creates `folder` and what is above it, readable by this user alone where it is new.
///
/// # Errors
/// [`Exit::Failed`] with the reason.
pub fn create_private(folder: &Utf8Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        Failure::new(Exit::Failed, format!("the folder cannot be created: {error}"))
            .at(folder.as_str())
            .fix("create it yourself, or name another place in ORCH_CONFIG and ORCH_STATE_DIR")
    })
}

/// Makes the state folder, or closes one that is there to other accounts: modes depend on no umask. Root's may be open to
/// the group of the runs' account on its way to their places, and to nobody else.
///
/// # Errors
/// [`Exit::Failed`] if it cannot be made; [`Exit::Settings`] if others may write it and other things lie in it.
pub fn settle_state(state: &Utf8Path) -> Result<(), Failure> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    /// What an account needs to pass.
    const PASS: u32 = 0o010;
    create_private(state)?;
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("the state folder cannot be closed to others: {error}"))
            .at(state.as_str())
            .fix("run orch as the user who owns it")
    };
    let found = std::fs::metadata(state).map_err(failed)?;
    let others = found.mode() & 0o077;
    if others == 0 || (others == PASS && found.gid() != 0) || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let empty = || std::fs::read_dir(state).is_ok_and(|mut entries| entries.next().is_none());
    let ours = ["lock", "orch.db", "token"].iter().any(|name| state.join(name).exists());
    // A folder with a sticky bit is everybody's on purpose.
    if found.mode() & 0o1000 == 0 && (ours || empty()) {
        return std::fs::set_permissions(state, std::fs::Permissions::from_mode(0o700)).map_err(failed);
    }
    if others & 0o022 == 0 {
        // Other things lie here, and what is ours in it has modes of its own.
        return Ok(());
    }
    Err(Failure::new(Exit::Settings, "others may write the state folder, and it holds more than state")
        .at(state.as_str())
        .fix("name a folder of its own in ORCH_STATE_DIR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(variables: &[(&str, &str)]) -> Result<Paths, Failure> {
        Paths::of(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn variables_then_xdg_then_home() {
        let home = paths(&[("HOME", "/h")]).unwrap();
        assert_eq!(home.config_file, "/h/.config/orch/host.toml");
        assert_eq!(home.state, "/h/.local/state/orch");
        let xdg = paths(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "rel")]).unwrap();
        assert_eq!(xdg.config_file, "/c/orch/host.toml");
        assert_eq!(xdg.state, "/h/.local/state/orch", "a relative XDG path is ignored");
        let own = paths(&[("ORCH_CONFIG", "/x/f.toml"), ("ORCH_STATE_DIR", "/s")]).unwrap();
        assert_eq!((own.config_file.as_str(), own.state.as_str()), ("/x/f.toml", "/s"));
        assert_eq!(own.forge("shop"), "/s/forge/shop.git");
    }

    #[test]
    fn the_state_is_the_same_wherever_one_stands() {
        let failure = paths(&[("HOME", "/h"), ("ORCH_STATE_DIR", "state")]).unwrap_err();
        assert_eq!((failure.exit, failure.place.as_deref()), (Exit::Settings, Some("ORCH_STATE_DIR")));
    }

    #[test]
    fn without_a_home_it_says_what_to_set() {
        let failure = paths(&[]).unwrap_err();
        assert_eq!(failure.exit, Exit::Settings);
        assert!(failure.text().contains("ORCH_CONFIG"), "{}", failure.text());
    }
}
