//! Bringing home what an attempt left: taking in its parcel, and making of it what may come onto the branch.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use crate::candidate::Signature;
use crate::delivered::{Delivered, told_ref};
use crate::error::{Error, Result};
use crate::evidence::{tree_of, walk};
use crate::forge::{Forge, commit_id};
use crate::objects::ObjectReader;
use crate::parcel::{self, Parcel, shown, told};
use crate::process::{Ended, Limits};
use crate::tree::{self, Difference, Entry, Mode};
use crate::words::{CommitId, RepoPath, TaskKey, TreeId};

/// What is to be brought home.
#[derive(Clone, Copy)]
pub struct CollectRequest<'a> {
    /// The parcel that [`Forge::parcel_command`] left.
    pub parcel: &'a Path,
    /// Whose attempt; with `attempt`, the name of the ref that keeps the head.
    pub task: &'a TaskKey,
    /// Which attempt of the task.
    pub attempt: u64,
    /// Where it started.
    pub start: &'a CommitId,
    /// The tip of the base branch: what the attempt took over from there is not its own work.
    pub main: &'a CommitId,
    /// The task's own documents.
    pub documents: &'a RepoPath,
    /// Whether a changed path is the attempt's to change; the second word says that it lay there uncommitted.
    pub owns: &'a dyn Fn(&str, bool) -> bool,
    /// Message of the commit that is made if the clone's own history cannot be taken as it is.
    pub message: &'a str,
    /// Its author and committer, and its date: the same parcel gives the same commit.
    pub by: &'a Signature,
    /// How much may come.
    pub limits: CollectLimits,
    /// It was packed again and again: what is not whole in the parcel is not whole in the clone. Before that it may as well
    /// be the machine that packed it.
    pub packed_again: bool,
}

/// How much of an attempt's work may come home. What is beyond is refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectLimits {
    /// Bytes of the pack.
    pub pack: u64,
    /// Bytes of the largest file.
    pub file: u64,
    /// Bytes that a checkout writes for all changed files together, each counted by each of its names.
    pub files: u64,
    /// Changed paths.
    pub count: usize,
    /// Folders above a file.
    pub depth: usize,
    /// Bytes of a path.
    pub path: usize,
}

impl Default for CollectLimits {
    /// A pack of 256 MB; 100 MB for a file and 500 MB for all that changed; 100,000 paths, 200 folders deep, 2,000 bytes
    /// long: beyond what people review.
    fn default() -> Self {
        Self { pack: 256 << 20, file: 100_000_000, files: 500_000_000, count: 100_000, depth: 200, path: 2_000 }
    }
}

/// Taking a pack in: what it may cost.
const TAKING_IN: Limits = Limits { memory: 384 << 20, cpu: Duration::from_secs(60) };

impl Forge {
    /// Takes the work of an attempt into `refs/orch/attempts/<task>/<attempt>`. Nothing of the clone is opened: what
    /// comes is a pack, checked object by object (`index-pack --strict`) by a process with limits of memory and time.
    ///
    /// A history that goes on from where the attempt started is taken as it is. Where it does not (it was amended,
    /// rebased, reset), or where something had to be left out, what lies there comes as one commit on top of the start,
    /// with what was taken over from the base branch as its second parent.
    ///
    /// # Errors
    /// [`Error::Unpacked`]: the run's last command failed; run it again. Whatever is wrong with the work itself is no
    /// error: it is refused in [`Delivered`].
    pub fn collect(&self, request: CollectRequest<'_>) -> Result<Delivered> {
        let parcel = Parcel::read(request.parcel)?;
        let delivered = match self.take_in(&request)? {
            Some(refusal) => self.damaged(&request, refusal),
            None => match self.weighed(&request, &parcel) {
                Err(Error::TooLarge { .. }) => {
                    let most = request.limits.count;
                    self.nothing(
                        &request,
                        format!("it changed more than {most} paths, or a folder with too many names"),
                    )
                }
                Err(Error::NotFound { what, .. }) => {
                    self.damaged(&request, format!("it needs the object {what}, which did not come with it"))
                }
                weighed => weighed,
            },
        }?;
        self.keep_words(&told_ref(request.task, request.attempt), &delivered)?;
        Ok(delivered)
    }

    /// What came is not whole.
    fn damaged(&self, request: &CollectRequest<'_>, refusal: String) -> Result<Delivered> {
        if request.packed_again {
            return self.nothing(request, refusal);
        }
        Err(Error::Unpacked { reason: format!("what was packed is not whole: {refusal}") })
    }

    fn nothing(&self, request: &CollectRequest<'_>, refusal: String) -> Result<Delivered> {
        self.keep(request, request.start)?;
        Ok(Delivered {
            head: request.start.clone(),
            strayed: Vec::new(),
            told: Vec::new(),
            refused: vec![format!("nothing of it could be taken: {refusal}")],
        })
    }

    fn keep(&self, request: &CollectRequest<'_>, head: &CommitId) -> Result<()> {
        self.move_ref(&attempt_ref(request), head, None)
    }

    /// Takes the pack in; the answer is why it cannot be.
    fn take_in(&self, request: &CollectRequest<'_>) -> Result<Option<String>> {
        let Some(pack) = parcel::open(request.parcel, "pack")? else { return Ok(None) };
        let most = request.limits.pack;
        if pack.metadata().is_ok_and(|found| found.len() > most) {
            return Ok(Some(format!("its pack is larger than {} MB", most / 1_000_000)));
        }
        let call = self
            .call()
            .setting("pack.threads", "1")
            .args(["index-pack", "--stdin", "--strict"])
            .arg(format!("--max-input-size={most}"))
            .limits(TAKING_IN)
            .input_from(pack);
        let shown = call.shown();
        let ended = call.run()?;
        Ok(match ended {
            Ended { code: Some(0), .. } => None,
            // The processor's limit says by a signal what the memory's says in words.
            Ended { signal: Some(24), .. } => Some("reading its pack takes more than a minute of computing".to_owned()),
            ended if String::from_utf8_lossy(&ended.stderr).contains("out of memory") => {
                Some(format!("reading its pack takes more than {} MB of memory", TAKING_IN.memory >> 20))
            }
            ended => match ended.failed(shown) {
                Error::Failed { code: Some(_), stderr, .. } if about_the_pack(&stderr) => Some(told(&stderr)),
                ours => return Err(ours),
            },
        })
    }

    /// Makes the head of what came.
    fn weighed(&self, request: &CollectRequest<'_>, parcel: &Parcel) -> Result<Delivered> {
        let CollectRequest { start, .. } = *request;
        let mut objects = self.objects()?;
        let start_tree = tree_of(&mut objects, start)?;
        let head = CommitId::new(parcel.head.clone()).ok();
        let head = match head {
            Some(head) if &head == start || objects.structure(head.as_str(), "commit").is_ok() => head,
            _ => start.clone(),
        };
        let descends = walk(&mut objects, start, &head)?.is_some() || self.contains(&head, start)?;
        let theirs =
            if &head == start || request.main == start { None } else { self.taken_over(request.main, start, &head)? };
        let head_tree = tree_of(&mut objects, &head)?;
        let tree = objects.structure(&format!("{}^{{tree}}", parcel.tree), "tree")?.id;
        let found = tree::differences(&mut objects, &start_tree, &tree)?;
        parcel.agrees(&found)?;
        if found.len() > request.limits.count {
            return self
                .nothing(request, format!("it changed {} paths, more than {}", found.len(), request.limits.count));
        }
        let from_main = match &theirs {
            None => HashMap::new(),
            Some(theirs) => {
                let theirs = tree_of(&mut objects, theirs)?;
                let found = tree::differences(&mut objects, &start_tree, &theirs)?;
                found.into_iter().map(|found| (found.path, found.is)).collect()
            }
        };
        let uncommitted = tree::differences(&mut objects, &head_tree, &tree)?;
        let lying: HashSet<&[u8]> = uncommitted.iter().map(|found| found.path.as_slice()).collect();
        let sizes = self.sizes(&mut objects, &found)?;
        let mut scale = Scale {
            request,
            from_main,
            lying,
            sizes,
            attributes: found.iter().any(|found| found.path.ends_with(b".gitattributes")),
            checked: parcel.checked.iter().map(Vec::as_slice).collect(),
            touched: parcel.touched.iter().map(Vec::as_slice).collect(),
            filters: parcel
                .filters
                .chunks_exact(3)
                .map(|triple| (triple[0].as_slice(), triple[2].as_slice()))
                .collect(),
            strayed: Vec::new(),
            refused: Vec::new(),
            written: 0,
        };
        let mut kept = Vec::new();
        for found in &found {
            if scale.keeps(&mut objects, found)? {
                kept.push(found);
            }
        }
        drop(objects);
        if scale.written > request.limits.files {
            return self.nothing(
                request,
                format!(
                    "a checkout of what it changed writes {} MB, more than {} MB",
                    scale.written / 1_000_000,
                    request.limits.files / 1_000_000
                ),
            );
        }
        let whole = kept.len() == found.len();
        // What lies there is taken as it lies there: its tree is there already.
        let as_it_is = whole && found.iter().filter_map(|found| found.is.as_ref()).all(Entry::is_usual);
        let whole_on = |parents: &[&CommitId]| -> Result<CommitId> {
            let by = (request.by, request.by);
            let made = self.commit_tree(&TreeId::new(tree.clone())?, parents, request.message, by)?;
            self.keep(request, &made)?;
            Ok(made)
        };
        let made = if descends && whole && uncommitted.is_empty() {
            self.keep(request, &head)?;
            head.clone()
        } else if as_it_is && descends {
            whole_on(&[&head])?
        } else if as_it_is && !found.is_empty() {
            whole_on(&std::iter::once(start).chain(theirs.as_ref()).collect::<Vec<_>>())?
        } else if descends && whole {
            self.put_on(request, &head, None, &uncommitted.iter().collect::<Vec<_>>())?
        } else if kept.is_empty() && theirs.is_none() {
            self.keep(request, start)?;
            start.clone()
        } else {
            self.put_on(request, start, theirs.as_ref(), &kept)?
        };
        let mut said = remarks(parcel, &scale);
        if !descends || !parcel.whole {
            said.insert(
                0,
                "its history did not go on from where it started (amended, rebased, reset or cut off): what \
                lies there was put on top of the start as one commit"
                    .to_owned(),
            );
        }
        let (mut strayed, mut refused) = (scale.strayed, scale.refused);
        strayed.sort();
        refused.extend(unfinished(parcel));
        refused.extend(
            parcel.refused.iter().map(|words| format!("git cannot take: {}", told(&String::from_utf8_lossy(words)))),
        );
        Ok(Delivered { head: made, strayed, told: said, refused })
    }

    /// The newest commit of the base branch that the head contains and the start does not.
    pub(crate) fn taken_over(&self, main: &CommitId, start: &CommitId, head: &CommitId) -> Result<Option<CommitId>> {
        let base = |of: &CommitId| -> Result<Option<CommitId>> {
            let call = self.call().args(["merge-base", main.as_str(), of.as_str()]);
            let shown = call.shown();
            let ended = call.run()?;
            match ended.code {
                Some(0) => {
                    Ok(Some(commit_id(&shown, String::from_utf8_lossy(&ended.output).lines().next().unwrap_or(""))?))
                }
                Some(1) => Ok(None),
                _ => Err(ended.failed(shown)),
            }
        };
        let Some(now) = base(head)? else { return Ok(None) };
        Ok((base(start)?.as_ref() != Some(&now) && !self.contains(start, &now)?).then_some(now))
    }

    /// A commit of `changes` on `parent`.
    fn put_on(
        &self,
        request: &CollectRequest<'_>,
        parent: &CommitId,
        second: Option<&CommitId>,
        changes: &[&Difference],
    ) -> Result<CommitId> {
        let CollectRequest { message, by, .. } = *request;
        let who = format!("{} <{}> {} +0000", by.identity.name(), by.identity.email(), by.seconds);
        let name = attempt_ref(request);
        let mut order =
            format!("commit {name}\nmark :1\nauthor {who}\ncommitter {who}\ndata {}\n{message}\n", message.len())
                .into_bytes();
        order.extend(format!("from {parent}\n").bytes());
        if let Some(second) = second {
            order.extend(format!("merge {second}\n").bytes());
        }
        // What goes first, so that it is in nobody's way.
        for gone in changes.iter().filter(|change| change.is.is_none()) {
            order.extend([b"D ", quoted(&gone.path).as_slice(), b"\n"].concat());
        }
        for change in changes {
            let Some(entry) = &change.is else { continue };
            let mode = match entry.mode {
                Mode::Executable => "100755",
                Mode::Symlink => "120000",
                Mode::Submodule => "160000",
                Mode::File | Mode::Folder => "100644",
            };
            order.extend(format!("M {mode} {} ", entry.id).bytes());
            order.extend([quoted(&change.path).as_slice(), b"\n"].concat());
        }
        order.extend(b"\nget-mark :1\ndone\n");
        let call = self.call().args(["fast-import", "--quiet", "--force", "--done"]).input(order);
        let shown = call.shown();
        let made = commit_id(&shown, &call.text()?)?;
        // Written down like any other head: fast-import syncs no ref.
        self.keep(request, &made)?;
        Ok(made)
    }
}

/// Whether git speaks of what is in the pack; whatever else it says is this machine's trouble.
fn about_the_pack(words: &str) -> bool {
    let words = words.to_lowercase();
    let about = [
        "fsck",
        "error in object",
        "corrupt",
        "inflate",
        "delta",
        "unexpected type",
        "did not receive expected object",
        "maximum allowed size",
        "bad object",
        "missing",
        "hash mismatch",
        "collision",
        "not found",
        "out of bound",
        "signature mismatch",
        "unknown object type",
        "premature end",
        "early eof",
        "garbage",
    ];
    about.iter().any(|about| words.contains(about))
}

fn attempt_ref(request: &CollectRequest<'_>) -> String {
    format!("refs/orch/attempts/{}/{}", request.task, request.attempt)
}

/// A path as git-fast-import(1) reads it back.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut text = vec![b'"'];
    for byte in path {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            b' '..=b'~' => text.push(*byte),
            other => text.extend(format!("\\{other:03o}").bytes()),
        }
    }
    text.push(b'"');
    text
}

/// Decides about each changed path.
struct Scale<'a> {
    request: &'a CollectRequest<'a>,
    /// What the base branch changed and the attempt took over.
    from_main: HashMap<Vec<u8>, Option<Entry>>,
    /// Paths that lay there uncommitted.
    lying: HashSet<&'a [u8]>,
    sizes: HashMap<String, u64>,
    /// The change is about how git stores files.
    attributes: bool,
    checked: HashSet<&'a [u8]>,
    touched: HashSet<&'a [u8]>,
    filters: HashMap<&'a [u8], &'a [u8]>,
    strayed: Vec<String>,
    refused: Vec<String>,
    /// Bytes that a checkout writes for what is kept.
    written: u64,
}

impl Scale<'_> {
    fn keeps(&mut self, objects: &mut ObjectReader, found: &Difference) -> Result<bool> {
        let path = found.path.as_slice();
        if self.from_main.get(path).is_some_and(|is| *is == found.is) {
            return Ok(true);
        }
        // Nobody touched it: git would write it differently, or the set-up left it so.
        if self.checked.contains(path) && !self.touched.contains(path) && !self.attributes {
            return Ok(false);
        }
        let text = String::from_utf8_lossy(path);
        if !(self.request.owns)(&text, self.lying.contains(path)) {
            self.strayed.push(shown(path));
            return Ok(false);
        }
        let refusal = self.refusal(objects, &text, found)?;
        let keeps = refusal.is_none();
        self.refused.extend(refusal.map(|why| format!("{} {why}", shown(path))));
        Ok(keeps)
    }

    fn refusal(&mut self, objects: &mut ObjectReader, text: &str, found: &Difference) -> Result<Option<String>> {
        let Some(entry) = &found.is else { return Ok(None) };
        let CollectRequest { limits, documents, .. } = self.request;
        let depth = found.path.iter().filter(|byte| **byte == b'/').count();
        if found.path.len() > limits.path || depth > limits.depth {
            let cut: String = text.chars().take(60).collect();
            let (path, depth) = (limits.path, limits.depth);
            return Ok(Some(format!("({cut}…) is longer than {path} bytes or lies deeper than {depth} folders")));
        }
        if documents.contains(text) && text.chars().any(char::is_control) {
            return Ok(Some("has a control character in its name, and no document may".to_owned()));
        }
        if entry.mode == Mode::Submodule {
            return Ok(Some(format!(
                "is a pointer to the commit {} of another repository, and nobody here can tell that it is anywhere; take \
                 the files in instead, or leave the pointer as it was",
                entry.id
            )));
        }
        let size = self.sizes.get(&entry.id).copied().unwrap_or(u64::MAX);
        if size > limits.file {
            let (size, most) = (size.div_ceil(1_000_000), limits.file / 1_000_000);
            return Ok(Some(format!(
                "has {size} MB; a file of more than {most} MB is not taken ([deliver] file_mb of the repository)"
            )));
        }
        if let Some(filter) = self.filters.get(found.path.as_slice()).filter(|_| entry.mode.is_file()) {
            let filter = String::from_utf8_lossy(filter).into_owned();
            let pointer = filter == "lfs" && size <= 1024 && is_pointer(objects, &entry.id)?;
            if !matches!(filter.as_str(), "unspecified" | "unset" | "set") && !pointer {
                return Ok(Some(format!(
                    "is stored through the filter `{}` (.gitattributes), which runs have not, and what lies there is not \
                     what it would store; leave it as it was{}",
                    told(&filter),
                    if filter == "lfs" { ", or commit a Git LFS pointer" } else { "" }
                )));
            }
        }
        self.written = self.written.saturating_add(size);
        Ok(None)
    }
}

fn is_pointer(objects: &mut ObjectReader, id: &str) -> Result<bool> {
    Ok(objects
        .read(id, 1024)?
        .is_some_and(|object| object.bytes.starts_with(b"version https://git-lfs.github.com/spec/")))
}

/// What is no reason to refuse anything, and should be known.
fn remarks(parcel: &Parcel, scale: &Scale<'_>) -> Vec<String> {
    let mut said = Vec::new();
    for folder in parcel.nested.iter().filter(|folder| {
        let inside = [folder.as_slice(), b"/"].concat();
        scale.lying.iter().any(|path| path.starts_with(&inside))
    }) {
        said.push(format!("{} was a repository of its own: its files were taken, its history was not", shown(folder)));
    }
    for path in parcel.hidden.iter().filter(|path| scale.lying.contains(path.as_slice())) {
        said.push(format!("{} was hidden from git (skip-worktree or assume-unchanged) and was taken", shown(path)));
    }
    for reference in &parcel.elsewhere {
        said.push(format!("{} has commits that its branch has not: what is there was not taken", shown(reference)));
    }
    said
}

fn unfinished(parcel: &Parcel) -> Option<String> {
    let list = |items: &[Vec<u8>]| items.iter().take(20).map(|item| shown(item)).collect::<Vec<_>>().join(", ");
    let conflicts = if parcel.unmerged.is_empty() {
        String::new()
    } else {
        format!(" with conflicts in {}", list(&parcel.unmerged))
    };
    let what = match parcel.unfinished.is_empty() {
        false => format!("an unfinished {}{conflicts}", list(&parcel.unfinished)),
        true if parcel.unmerged.is_empty() => return None,
        true => format!("a state{conflicts}"),
    };
    Some(format!(
        "it left {what}: nothing of it was taken but what was committed before; finish it and commit, or take it back"
    ))
}
