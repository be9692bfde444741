//! A three-way merge of text by line, and of trees by file.

use std::collections::{BTreeMap, BTreeSet};

/// Files of a commit: path to text.
pub type Tree = BTreeMap<String, String>;

/// Both changes of `base` in one tree, or the paths that both changed in the same place.
pub fn merge(base: &Tree, one: &Tree, other: &Tree) -> Result<Tree, Vec<String>> {
    let paths: BTreeSet<&String> = base.keys().chain(one.keys()).chain(other.keys()).collect();
    let (mut merged, mut conflicts) = (Tree::new(), Vec::new());
    for path in paths {
        let (was, left, right) = (base.get(path), one.get(path), other.get(path));
        let text = if left == right || right == was {
            left.cloned()
        } else if left == was {
            right.cloned()
        } else if let (Some(was), Some(left), Some(right)) = (was, left, right)
            && let Some(text) = lines(was, left, right)
        {
            Some(text)
        } else {
            conflicts.push(path.clone());
            continue;
        };
        if let Some(text) = text {
            merged.insert(path.clone(), text);
        }
    }
    if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
}

/// One change: lines `from..to` of the base become `lines`. Several changes of one side count as one from the first to
/// the last, so this finds more conflicts than git, never fewer.
struct Hunk<'t> {
    from: usize,
    to: usize,
    lines: &'t [&'t str],
}

fn lines(base: &str, one: &str, other: &str) -> Option<String> {
    let split = |text| str::split_inclusive(text, '\n').collect::<Vec<&str>>();
    let (base, one, other) = (split(base), split(one), split(other));
    let (left, right) = (hunk(&base, &one), hunk(&base, &other));
    let (first, second) = if left.from <= right.from { (left, right) } else { (right, left) };
    // Neighbours are a conflict too, as in git.
    if first.to >= second.from {
        return None;
    }
    let parts = [&base[..first.from], first.lines, &base[first.to..second.from], second.lines, &base[second.to..]];
    Some(parts.concat().concat())
}

fn hunk<'t>(base: &[&str], changed: &'t [&'t str]) -> Hunk<'t> {
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let front = same(&mut base.iter().zip(changed));
    let room = base.len().min(changed.len()) - front;
    let back = same(&mut base.iter().rev().zip(changed.iter().rev())).min(room);
    Hunk { from: front, to: base.len() - back, lines: &changed[front..changed.len() - back] }
}

/// Changes files as an edit says.
pub(super) fn apply(files: &mut Tree, edits: &[super::forge::Edit<'_>]) {
    for (path, text) in edits {
        match text {
            Some(text) => files.insert((*path).to_owned(), (*text).to_owned()),
            None => files.remove(*path),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn changes_apart_are_both_kept_and_changes_of_one_place_conflict() {
        let base = tree(&[("a", "1\n2\n3\n4\n5\n"), ("gone", "x\n")]);
        let one = tree(&[("a", "one\n2\n3\n4\n5\n"), ("gone", "x\n"), ("new", "n\n")]);
        let other = tree(&[("a", "1\n2\n3\n4\nfive\nsix\n")]);
        let both = tree(&[("a", "one\n2\n3\n4\nfive\nsix\n"), ("new", "n\n")]);
        assert_eq!(merge(&base, &one, &other), Ok(both.clone()));
        assert_eq!(merge(&base, &other, &one), Ok(both));
        let clash = tree(&[("a", "eins\n2\n3\n4\n5\n"), ("gone", "y\n")]);
        assert_eq!(merge(&base, &one, &clash), Err(vec!["a".to_owned()]));
        assert_eq!(merge(&base, &clash, &other), Err(vec!["gone".to_owned()]));
        assert_eq!(merge(&base, &base, &base), Ok(base));
    }
}
