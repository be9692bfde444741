//! What tools fetched, kept from run to run: one file for each repository, packed and unpacked within the walls of runs.
//!
//! Every run may read it. What a run fetches besides stays in the run; only a test that was green on a commit that is, or
//! becomes, the base branch leaves what it has, and that takes the file's place whole. The service never looks into it: what
//! lies in it was written by tools that run what strangers wrote.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::error::PortResult;
use orch_ports::runner::Runner;
use orch_rules::ecosystem::{self, CACHE, Ecosystem};
use orch_rules::repository_file::RepositoryFile;

use crate::kept_set_up;

/// The folder that all caches of a run lie in, as its environment knows it.
const FOLDER: &str = "ORCH_CACHE";
/// The packed cache, in the folder that a test leaves it in.
const PACKED: &str = "cache.tar";
/// Larger files say no more about what is fetched.
pub(crate) const READ_AT_MOST: usize = 32 << 20;

/// Arguments: where to, blocks of 512 bytes it may have, and what is kept. What is larger is left out whole: it begins anew.
const PACK: &str = r#"
[ -n "${ORCH_CACHE:-}" ] && cd "$ORCH_CACHE" 2>/dev/null || exit 0
to=$1 most=$2; shift 2
for folder; do shift; if [ -e "$folder" ]; then set -- "$@" "$folder"; fi; done
[ "$#" -gt 0 ] || exit 0
has=$(du -sk "$@" | awk '{ sum += $1 } END { print sum * 2 }')
[ "$has" -le "$most" ] || exit 0
ulimit -f "$most" 2>/dev/null
tar -cf "$to" "$@"
"#;

/// Where the cache of a repository is kept on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachePlace {
    /// The packed cache.
    pub file: Utf8PathBuf,
    /// It is never larger.
    pub most_bytes: u64,
}

/// What a run gets of a cache.
#[derive(Debug, Default)]
pub struct Lent {
    /// Makes its tools keep what they fetch in the run's own copy.
    pub environment: BTreeMap<String, String>,
    /// What is unpacked there before anything of the run is started.
    pub file: Option<Utf8PathBuf>,
    /// What an earlier set-up made.
    pub kept: Option<Utf8PathBuf>,
}

impl Lent {
    /// What the run has to be able to read.
    pub fn files(&self) -> impl Iterator<Item = Utf8PathBuf> {
        self.file.iter().chain(&self.kept).cloned()
    }
}

/// What a test leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaves {
    /// The command that packs what it fetched, as its last; empty if that is not asked for.
    pub fetched: Vec<String>,
    /// The command that packs what its set-up made, before the tests; empty if that is not asked for.
    pub set_up: Vec<String>,
    /// The folder that both pack into.
    pub folder: Utf8PathBuf,
}

impl Leaves {
    /// Makes the folder anew, before its run is launched.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&self.folder),
        }
    }

    /// Once the run has ended: what was packed of its set-up goes if its tests wrote there.
    ///
    /// # Errors
    /// The runner's.
    pub fn without_what_tests_wrote(&self, runner: &dyn Runner, run: &str) -> PortResult<()> {
        kept_set_up::without_what_tests_wrote(&self.folder, runner, run)
    }
}

/// The ecosystems that a repository names.
fn of(file: &RepositoryFile) -> impl Iterator<Item = &'static Ecosystem> {
    file.cache_of.iter().filter_map(|name| ecosystem::named(name))
}

/// What a run in this repository gets.
pub(crate) fn lent(file: Option<&RepositoryFile>, place: Option<&CachePlace>) -> Lent {
    let (Some(file), Some(place)) = (file, place) else { return Lent::default() };
    let kept = Some(place.set_up_file()).filter(|_| keeps_set_up(file)).and_then(kept_set_up::usable);
    let folder = format!("{}/cache", orch_ports::runner::SCRATCH);
    let variables = of(file).flat_map(|ecosystem| ecosystem.variables.iter());
    let mut environment: BTreeMap<String, String> =
        variables.map(|(name, value)| ((*name).to_owned(), value.replace(CACHE, &folder))).collect();
    if environment.is_empty() {
        return Lent { kept, ..Lent::default() };
    }
    environment.insert(FOLDER.to_owned(), folder);
    Lent { environment, file: place.file.exists().then(|| place.file.clone()), kept }
}

/// Whether what a set-up made is kept.
fn keeps_set_up(file: &RepositoryFile) -> bool {
    file.setup_keep && file.setup_command.is_some()
}

/// What the ecosystems of a repository fetch at a commit, as one word: as long as it is the same, so is the cache. `read` gives
/// a file of the commit.
///
/// # Errors
/// Those of `read`.
pub fn key<E>(file: &RepositoryFile, mut read: impl FnMut(&str) -> Result<Option<String>, E>) -> Result<String, E> {
    let mut hasher = DefaultHasher::new();
    (&file.setup_command, &file.check_command).hash(&mut hasher);
    for ecosystem in of(file) {
        ecosystem.name.hash(&mut hasher);
        for name in ecosystem.files {
            read(name)?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

impl CachePlace {
    fn key_file(&self) -> Utf8PathBuf {
        self.file.with_extension("key")
    }

    /// Whether a test at a commit with this key leaves its cache: another one than there is.
    pub fn wants(&self, file: &RepositoryFile, key: &str) -> bool {
        of(file).next().is_some() && fs::read_to_string(self.key_file()).ok().as_deref() != Some(key)
    }

    /// What an earlier set-up made.
    fn set_up_file(&self) -> Utf8PathBuf {
        self.file.with_extension(kept_set_up::PACKED)
    }

    /// How a test at a commit with this key leaves in `folder` what is to be kept; `None`: there is nothing.
    pub fn leaves(&self, file: &RepositoryFile, key: &str, folder: &Utf8Path) -> Option<Leaves> {
        let wanted = self.wants(file, key);
        let set_up = if keeps_set_up(file) { kept_set_up::command(folder, self.most_bytes) } else { Vec::new() };
        let fetched = if wanted { self.pack(file, folder) } else { Vec::new() };
        (wanted || !set_up.is_empty()).then(|| Leaves { fetched, set_up, folder: folder.to_owned() })
    }

    fn pack(&self, file: &RepositoryFile, folder: &Utf8Path) -> Vec<String> {
        let kept = of(file).flat_map(|ecosystem| ecosystem.kept.iter().map(|kept| (*kept).to_owned()));
        let (to, most) = (folder.join(PACKED).into_string(), (self.most_bytes / 512).to_string());
        let words = ["/bin/sh", "-c", PACK, "pack"].map(str::to_owned).into_iter().chain([to, most]);
        words.chain(kept).collect()
    }

    /// Takes what a test at a commit with this key left in `folder`.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn keep(&self, file: &RepositoryFile, key: &str, folder: &Utf8Path) -> io::Result<()> {
        // None was left where the one that there is does.
        if let Some(made) = self.usable(&folder.join(kept_set_up::PACKED)) {
            self.put(made, &self.set_up_file())?;
        }
        if self.wants(file, key) { self.take(folder, key) } else { Ok(()) }
    }

    /// Takes what a test fetched from `folder`, for the commit with this key; without it the next test begins with nothing. What is
    /// taken is copied: whoever still has the run's file open changes nothing.
    ///
    /// # Errors
    /// When it cannot be read or written.
    fn take(&self, folder: &Utf8Path, key: &str) -> io::Result<()> {
        match self.usable(&folder.join(PACKED)) {
            None => match fs::remove_file(&self.file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            },
            Some(packed) => self.put(packed, &self.file)?,
        }
        if let Some(above) = self.file.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(self.key_file(), key)
    }

    /// A copy of what was left takes the place of `file`.
    fn put(&self, left: File, file: &Utf8Path) -> io::Result<()> {
        if let Some(above) = file.parent() {
            fs::create_dir_all(above)?;
            fs::set_permissions(above, fs::Permissions::from_mode(0o711))?;
        }
        let fresh = file.with_extension("unfinished");
        let mut to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&fresh)?;
        io::copy(&mut left.take(self.most_bytes), &mut to)?;
        // The run's account has to read it, whatever the mask of this process is.
        to.set_permissions(fs::Permissions::from_mode(0o444))?;
        fs::rename(&fresh, file)
    }

    /// The file, if it may be taken. Everything of its run is dead, so what was looked at is what is opened; a link that the
    /// run left in its place leads nowhere.
    fn usable(&self, left: &Utf8Path) -> Option<File> {
        let found = fs::symlink_metadata(left).ok()?;
        let fits = found.is_file() && found.nlink() == 1 && found.len() <= self.most_bytes;
        fits.then(|| File::open(left).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::os::unix::fs::symlink;

    use super::*;

    fn repository(of: &[&str]) -> RepositoryFile {
        RepositoryFile { cache_of: of.iter().map(|name| (*name).to_owned()).collect(), ..RepositoryFile::default() }
    }

    fn key_with(file: &RepositoryFile, lock: &str) -> String {
        let Ok(key) = key(file, |name| Ok::<_, Infallible>((name == "Cargo.lock").then(|| lock.to_owned())));
        key
    }

    #[test]
    fn another_lock_file_or_command_is_another_cache_and_no_ecosystem_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
        let place = CachePlace { file: at("caches/shop.tar"), most_bytes: 1000 };
        let cargo = repository(&["cargo"]);
        let key = key_with(&cargo, "one");
        assert!(place.wants(&cargo, &key) && !place.wants(&repository(&[]), &key));
        std::fs::create_dir(at("left")).unwrap();
        std::fs::write(at("left/cache.tar"), "packed").unwrap();
        place.take(&at("left"), &key).unwrap();
        assert!(!place.wants(&cargo, &key) && place.wants(&cargo, &key_with(&cargo, "two")));
        let other = RepositoryFile { check_command: Some("make".to_owned()), ..cargo.clone() };
        assert!(place.wants(&other, &key_with(&other, "one")));
        assert_eq!(std::fs::read_to_string(&place.file).unwrap(), "packed");
        assert_eq!(lent(Some(&cargo), Some(&place)).file, Some(place.file.clone()));
        assert!(lent(Some(&repository(&[])), Some(&place)).file.is_none());
        assert!(lent(Some(&cargo), None).environment.is_empty());
    }

    #[test]
    fn what_is_no_file_of_its_own_is_not_taken_and_what_was_kept_goes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
        let place = CachePlace { file: at("caches/shop.tar"), most_bytes: 10 };
        std::fs::write(at("secret"), "s3cret").unwrap();
        let left = at("left");
        let file = left.join("cache.tar");
        let cases: [(&str, &dyn Fn()); 5] = [
            ("nothing", &|| {}),
            ("a link", &|| symlink(at("secret"), &file).unwrap()),
            ("a second name", &|| std::fs::hard_link(at("secret"), &file).unwrap()),
            ("a folder", &|| std::fs::create_dir(&file).unwrap()),
            ("too large", &|| std::fs::write(&file, "0123456789x").unwrap()),
        ];
        for (what, make) in cases {
            let fresh = Leaves { fetched: Vec::new(), set_up: Vec::new(), folder: left.clone() };
            fresh.prepare().unwrap();
            std::fs::write(&file, "packed").unwrap();
            place.take(&left, "before").unwrap();
            assert!(place.file.is_file());
            fresh.prepare().unwrap();
            make();
            place.take(&left, "after").unwrap();
            assert!(!place.file.exists(), "{what}");
        }
        assert_eq!(std::fs::read_to_string(at("secret")).unwrap(), "s3cret");
    }
}
