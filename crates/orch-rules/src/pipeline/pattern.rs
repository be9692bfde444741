//! Document patterns: paths relative to the documents folder, in which `*` stands for any text within one segment.

/// Whether a document's path matches a pattern. `*` matches any run of characters but `/`, none included.
pub fn document_matches(pattern: &str, path: &str) -> bool {
    let mut patterns = pattern.split('/');
    let mut segments = path.split('/');
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if segment_matches(pattern, segment) => {}
            _ => return false,
        }
    }
}

/// Greedy from both ends, then leftmost: linear in practice and without recursion, whatever a file says.
pub(crate) fn segment_matches(pattern: &str, segment: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| segment.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// What is wrong with a pattern; `None` if nothing.
pub fn pattern_fault(pattern: &str) -> Option<&'static str> {
    let leaves = || pattern.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if pattern.is_empty() {
        Some("is empty")
    } else if pattern.starts_with('/') {
        Some("is absolute; it must be relative to the work item's documents folder")
    } else if pattern.contains('\\') {
        Some("has a backslash; segments are separated by `/`")
    } else if pattern.chars().any(char::is_control) {
        Some("has a control character")
    } else if leaves() {
        Some("has an empty, `.` or `..` segment; it must stay inside the documents folder")
    } else {
        None
    }
}
