//! Texts that people give: on the command line, from a file, or from stdin.

use std::io::Read;

use camino::Utf8Path;

use crate::exit::{Exit, Failure};

/// Longest text that is read, in bytes; the service takes a little less.
const MAX_TEXT: u64 = 1024 * 1024;

/// The text, or what the file has; `-` is stdin for both. `None` if neither is given.
pub fn given(what: &str, text: Option<&str>, file: Option<&Utf8Path>) -> Result<Option<String>, Failure> {
    match (text, file) {
        (Some("-"), _) => read(what, "stdin", std::io::stdin().lock()).map(Some),
        (Some(text), _) => Ok(Some(text.to_owned())),
        (None, Some(file)) if file == "-" => read(what, "stdin", std::io::stdin().lock()).map(Some),
        (None, Some(file)) => {
            let opened = std::fs::File::open(file);
            let opened = opened.map_err(|error| unreadable(what, file.as_str(), &error.to_string()))?;
            read(what, file.as_str(), opened).map(Some)
        }
        (None, None) => Ok(None),
    }
}

fn read(what: &str, name: &str, from: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(MAX_TEXT + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(what, name, &error.to_string()))?;
    if text.len() as u64 > MAX_TEXT {
        return Err(unreadable(what, name, &format!("it is longer than {MAX_TEXT} bytes")));
    }
    Ok(text)
}

fn unreadable(what: &str, name: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("the {what} cannot be read: {why}"))
        .at(crate::screen::printable(name))
        .fix("name a readable UTF-8 text file, or give the text on the command line")
}
