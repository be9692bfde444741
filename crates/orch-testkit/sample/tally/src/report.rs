//! What is printed.

use crate::{lines, words};

/// One line for each count: its name and the number.
pub fn report(text: &str) -> String {
    let rows = [
        ("lines", lines::count(text)),
        ("words", words::count(text)),
        ("characters", text.chars().count()),
    ];
    let mut report = String::new();
    for (name, number) in rows {
        report.push_str(&format!("{name:<12}{number}\n"));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_count() {
        let report = report("one two\n");
        for name in ["lines", "words", "characters"] {
            assert!(report.contains(name), "{report}");
        }
    }
}
