//! What a run's last command packs of its work, and how that is read: the only way anything of an agent comes home.
//!
//! The packing half is a script that runs *inside* the run's walls, in the clone, with no rights but the run's. It
//! leaves two files beside the clone: the facts, records that end in NUL, and a pack. The other half ([`Forge::collect`]
//! (crate::Forge::collect)) opens these two, as plain files and within limits, and nothing of the clone.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::error::{Error, Result};
use crate::evidence::tree_of;
use crate::forge::{Forge, usable};
use crate::tree::{Difference, Entry};
use crate::words::{BranchName, CommitId, RepoPath};

const PACK: &str = concat!(include_str!("parcel/git.sh"), include_str!("parcel/pack.sh"));
const SNAPSHOT: &str = concat!(include_str!("parcel/git.sh"), include_str!("parcel/snapshot.sh"));

/// Bytes of facts that are read: more than any repository's list of changed names.
const FACTS: u64 = 64 << 20;

/// What is to be packed.
#[derive(Debug, Clone, Copy)]
pub struct ParcelRequest<'a> {
    /// Where the parcel goes: its files have this path as their beginning. The run may write there, and nothing else
    /// does. Absolute.
    pub parcel: &'a Path,
    /// Where the attempt started.
    pub start: &'a CommitId,
    /// The commit given as `orch-base`.
    pub base: Option<&'a CommitId>,
    /// The task's own documents; they are taken whatever is ignored.
    pub documents: &'a RepoPath,
    /// The branch it is on.
    pub branch: &'a BranchName,
    /// The clone was made with an overlay: files that git was told not to look at are not looked at.
    pub overlaid: bool,
}

/// The settings of the repository that is put around the files.
fn settings(start: &CommitId) -> String {
    let format = if start.as_str().len() == 64 { "1\n[extensions]\n\tobjectFormat = sha256" } else { "0" };
    format!("[core]\n\trepositoryformatversion = {format}\n{SETTINGS}")
}

const SETTINGS: &str = "\
[core]
\tbare = false
\tfilemode = true
\tautocrlf = false
\tsafecrlf = false
\thooksPath = /dev/null
\tfsmonitor = false
\tuntrackedCache = false
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tfsync = none
\tbigFileThreshold = 32m
[gc]
\tauto = 0
[pack]
\tthreads = 1
";

impl Forge {
    /// The command that packs what an attempt left in its clone, to be run there when the agent has ended, *inside* its
    /// sandbox. It needs `sh`, the usual small tools and `git`. It may be run again: it packs what lies there then.
    #[must_use]
    pub fn parcel_command(&self, request: ParcelRequest<'_>) -> Vec<String> {
        self.command(PACK, request)
    }

    /// The same while the agent is at work: what it would leave if it ended now. Nothing of its clone is changed; what lies
    /// in a repository inside of it is passed over, and named in the file `<parcel>.nested`.
    #[must_use]
    pub fn looking_command(&self, request: ParcelRequest<'_>) -> Vec<String> {
        let mut command = self.command(PACK, request);
        command.push("looking".to_owned());
        command
    }

    /// The command that notes what lies in a clone after its set-up, so that this is not taken for the agent's work.
    /// Run before the agent, in the same place.
    #[must_use]
    pub fn snapshot_command(&self, request: ParcelRequest<'_>) -> Vec<String> {
        self.command(SNAPSHOT, request)
    }

    fn command(&self, script: &str, request: ParcelRequest<'_>) -> Vec<String> {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            "sh".to_owned(),
            "-c".to_owned(),
            script.to_owned(),
            "parcel".to_owned(),
            shown(request.parcel),
            request.start.to_string(),
            request.base.map(ToString::to_string).unwrap_or_default(),
            request.documents.to_string(),
            request.branch.to_string(),
            shown(&self.objects_folder()),
            settings(request.start),
            if request.overlaid { "overlaid" } else { "" }.to_owned(),
            // Not known: then nothing is taken for usual.
            self.objects().and_then(|mut objects| tree_of(&mut objects, request.start)).unwrap_or_default(),
        ]
    }
}

/// The facts of a parcel: the word of a command that ran where an agent had been. Of what it says nothing is believed
/// but that this is wanted.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    /// The head of the clone; where the attempt started if it has none.
    pub head: String,
    /// The tree of what lies there.
    pub tree: String,
    /// The head's history could be read.
    pub whole: bool,
    /// What git had in the middle: `merge`, `rebase`, …
    pub unfinished: Vec<Vec<u8>>,
    /// Paths with a conflict.
    pub unmerged: Vec<Vec<u8>>,
    /// Folders that were repositories of their own.
    pub nested: Vec<Vec<u8>>,
    /// Files that were hidden from git by a mark in its index.
    pub hidden: Vec<Vec<u8>>,
    /// Refs with commits that the head has not, each with their number.
    pub elsewhere: Vec<Vec<u8>>,
    /// What git cannot take, in its words.
    pub refused: Vec<Vec<u8>>,
    /// Paths of which it was found out whether somebody touched them …
    pub checked: Vec<Vec<u8>>,
    /// … and those that somebody did.
    pub touched: Vec<Vec<u8>>,
    /// Changed paths with the attribute `filter`: path, `filter`, value, in turn.
    pub filters: Vec<Vec<u8>>,
    /// What another git than the one that wrote the tree says of each changed path (git-status(1), porcelain v2). `None`:
    /// both of two gits made the same tree.
    pub agreed: Option<Vec<Vec<u8>>>,
}

impl Parcel {
    /// Holds what the tree differs in from the start against what the other git said.
    ///
    /// # Errors
    /// [`Error::Unpacked`]: one of the two did not do its work.
    pub(crate) fn agrees(&self, found: &[Difference]) -> Result<()> {
        let Some(agreed) = &self.agreed else { return Ok(()) };
        // `1 M. N... 100644 100644 100644 ID ID PATH`; without a mode it is gone.
        let said = agreed.iter().filter_map(|line| {
            let parts: Vec<&[u8]> = line.splitn(9, |byte| *byte == b' ').collect();
            let (mode, id, path) = (*parts.get(4)?, *parts.get(7)?, *parts.get(8)?);
            Some((path, (mode != b"000000").then_some((mode, id))))
        });
        let mut said: Vec<_> = said.collect();
        said.sort_unstable();
        let stands = |entry: &Option<Entry>| entry.as_ref().map(|entry| (entry.mode, entry.id.clone()));
        // A mode that was spelt in an old way is no change.
        let mut made: Vec<_> = found.iter().filter(|found| stands(&found.was) != stands(&found.is)).collect();
        made.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let same = said.len() == agreed.len()
            && said.len() == made.len()
            && said.iter().zip(made).all(|((path, said), made)| {
                let is = made.is.as_ref().map(|entry| (entry.raw_mode.as_slice(), entry.id.as_bytes()));
                *path == made.path.as_slice() && *said == is
            });
        let reason = "two gits say different things of what lies in the clone";
        if same { Ok(()) } else { Err(Error::Unpacked { reason: reason.to_owned() }) }
    }

    /// Reads the facts of a parcel.
    ///
    /// # Errors
    /// [`Error::Unpacked`] if there are none, or if they say that the packing failed.
    pub(crate) fn read(parcel: &Path) -> Result<Self> {
        let unpacked = |reason: &str| Error::Unpacked { reason: reason.to_owned() };
        let Some(file) = open(parcel, "facts")? else {
            return Err(unpacked("the command that packs it did not come to its end"));
        };
        let mut bytes = Vec::new();
        file.take(FACTS).read_to_end(&mut bytes).map_err(|error| Error::io("read", parcel, error))?;
        let mut records = bytes.split(|byte| *byte == 0);
        let mut next = || records.next().map(<[u8]>::to_vec);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let mut found = Self::default();
        if next().as_deref() != Some(b"orch-parcel 1") {
            return Err(unpacked("what the command that packs it wrote cannot be read"));
        }
        while let Some(key) = next() {
            match key.as_slice() {
                b"end" => return Ok(found),
                b"trouble" => return Err(unpacked(&told(&text(next().unwrap_or_default())))),
                b"head" => found.head = text(next().unwrap_or_default()),
                b"tree" => found.tree = text(next().unwrap_or_default()),
                b"history" => found.whole = next().as_deref() == Some(b"whole"),
                list => {
                    let mut items = Vec::new();
                    while let Some(item) = next().filter(|item| !item.is_empty()) {
                        items.push(item);
                    }
                    match list {
                        b"unfinished" => found.unfinished = items,
                        b"unmerged" => found.unmerged = items,
                        b"nested" => found.nested = items,
                        b"hidden" => found.hidden = items,
                        b"elsewhere" => found.elsewhere = items,
                        b"refused" => found.refused = items,
                        b"checked" => found.checked = items,
                        b"touched" => found.touched = items,
                        b"filters" => found.filters = items,
                        b"agreed" => found.agreed = Some(items),
                        _ => {}
                    }
                }
            }
        }
        Err(unpacked("what the command that packs it wrote is cut off"))
    }
}

/// Words that came from inside a run, in one line without control characters.
pub(crate) fn told(words: &str) -> String {
    let line: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    let cut = line.floor_char_boundary(600);
    if cut < line.len() { format!("{}…", &line[..cut]) } else { line }
}

/// A file of the parcel: a plain one with one name, read by nobody's leave but its kind. `None`: it is not there.
pub(crate) fn open(parcel: &Path, which: &str) -> Result<Option<File>> {
    usable(parcel)?;
    let mut path = parcel.as_os_str().to_os_string();
    path.push(".");
    path.push(which);
    let path = PathBuf::from(path);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let refused = || Error::Unpacked { reason: format!("its {which} are no plain file") };
    let file = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => return Err(refused()),
        Err(error) => return Err(Error::io("open", &path, error.into())),
    };
    let found = file.metadata().map_err(|error| Error::io("look at", &path, error))?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(refused());
    }
    Ok(Some(file))
}

/// A path as people read it: as it is if it is harmless text, else quoted.
pub(crate) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    if text.chars().any(char::is_control) { format!("{text:?}") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(facts: &[u8]) -> Result<Parcel> {
        let folder = tempfile::tempdir().unwrap();
        let parcel = folder.path().join("p");
        std::fs::write(folder.path().join("p.facts"), facts).unwrap();
        Parcel::read(&parcel)
    }

    #[test]
    fn facts_are_read_whole_or_not_at_all() {
        let found =
            read(b"orch-parcel 1\0head\0abc\0tree\0def\0history\0whole\0nested\0a\nb\0c\0\0later\0x\0\0end\0").unwrap();
        assert_eq!((found.head.as_str(), found.tree.as_str(), found.whole), ("abc", "def", true));
        assert_eq!(found.nested, [b"a\nb".to_vec(), b"c".to_vec()]);
        for (facts, words) in [
            (&b"orch-parcel 1\0head\0abc\0"[..], "cut off"),
            (b"", "cannot be read"),
            (b"orch-parcel 1\0trouble\0no\n\x1b[31mspace\0end\0", "no [31mspace"),
        ] {
            let error = read(facts).unwrap_err();
            assert!(matches!(&error, Error::Unpacked { reason } if reason.contains(words)), "{error:?}");
        }
        let nothing = Parcel::read(Path::new("/nonexistent/p")).unwrap_err();
        assert!(matches!(nothing, Error::Unpacked { .. }), "{nothing:?}");
    }

    #[test]
    fn what_is_no_plain_file_of_its_own_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "orch-parcel 1\0end\0").unwrap();
        std::os::unix::fs::symlink(&secret, folder.path().join("link.facts")).unwrap();
        std::fs::hard_link(&secret, folder.path().join("hard.facts")).unwrap();
        std::fs::create_dir(folder.path().join("folder.facts")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(folder.path().join("pipe.facts")).status().unwrap().success());
        for name in ["link", "hard", "folder", "pipe"] {
            let error = Parcel::read(&folder.path().join(name)).unwrap_err();
            assert!(matches!(error, Error::Unpacked { .. }), "{name}: {error:?}");
        }
    }

    #[test]
    fn what_comes_from_inside_is_one_calm_line() {
        assert_eq!(told("a\n b\x1b[2J\t c"), "a b[2J c");
        assert!(told(&"x".repeat(5000)).len() < 700);
        assert_eq!(shown(b"a b"), "a b");
        assert_eq!(shown(b"a\nb"), "\"a\\nb\"");
    }
}
