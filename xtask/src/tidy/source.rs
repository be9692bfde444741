//! Rust source in three views: code, literals, comments.
//!
//! Not a parser: enough of the lexical grammar that a word in a string is not taken for code,
//! and a word in a comment for neither.

/// A file's text, taken apart. Lines count from 1.
pub struct Source {
    /// The text with comments and the insides of literals replaced by spaces; same length in
    /// characters, same lines.
    pub code: String,
    /// The inside of every string literal, with the line it begins on.
    pub literals: Vec<(usize, String)>,
    /// Every comment, with the line it begins on.
    pub comments: Vec<(usize, String)>,
    /// For each line, whether it is inside a `#[cfg(test)]` module.
    test_lines: Vec<bool>,
}

impl Source {
    /// Takes `text` apart.
    pub fn parse(text: &str) -> Self {
        let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, source: Self::empty() };
        while lexer.at < lexer.chars.len() {
            lexer.step();
        }
        let mut source = lexer.source;
        source.test_lines = test_lines(&source.code);
        source
    }

    fn empty() -> Self {
        Self { code: String::new(), literals: Vec::new(), comments: Vec::new(), test_lines: Vec::new() }
    }

    /// Whether line `line` is inside a `#[cfg(test)]` module of this file.
    pub fn is_test_line(&self, line: usize) -> bool {
        line.checked_sub(1).and_then(|index| self.test_lines.get(index)).copied().unwrap_or(false)
    }

    /// The lines of the code view with their numbers.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    source: Source,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Moves over one character, showing it in the code view or hiding it.
    fn take(&mut self, show: bool) -> Option<char> {
        let char = self.peek(0)?;
        self.at += 1;
        if char == '\n' {
            self.line += 1;
        }
        self.source.code.push(if show || char == '\n' { char } else { ' ' });
        Some(char)
    }

    fn step(&mut self) {
        let follows_word = self.at > 0 && self.chars.get(self.at - 1).is_some_and(|c| c.is_alphanumeric() || *c == '_');
        match (self.peek(0), self.peek(1)) {
            (Some('/'), Some('/')) => self.line_comment(),
            (Some('/'), Some('*')) => self.block_comment(),
            (Some('"'), _) => self.string(),
            (Some('r'), Some('"' | '#')) if !follows_word => self.raw_string(1),
            (Some('b' | 'c'), Some('r')) if !follows_word && matches!(self.peek(2), Some('"' | '#')) => {
                self.raw_string(2)
            }
            (Some('\''), _) => self.quote(),
            _ => {
                self.take(true);
            }
        }
    }

    fn line_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while self.peek(0).is_some_and(|c| c != '\n') {
            text.extend(self.take(false));
        }
        self.source.comments.push((line, text));
    }

    fn block_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        let mut depth = 0;
        while let Some(char) = self.peek(0) {
            let pair = (char, self.peek(1));
            if pair == ('/', Some('*')) || pair == ('*', Some('/')) {
                depth += if char == '/' { 1 } else { -1 };
                text.extend(self.take(false));
            }
            text.extend(self.take(false));
            if depth == 0 {
                break;
            }
        }
        self.source.comments.push((line, text));
    }

    fn string(&mut self) {
        self.take(true);
        let line = self.line;
        let mut text = String::new();
        while let Some(char) = self.peek(0) {
            if char == '"' {
                break;
            }
            if char == '\\' {
                text.extend(self.take(false));
            }
            text.extend(self.take(false));
        }
        self.take(true);
        self.source.literals.push((line, text));
    }

    /// `r"…"`, `r#"…"#`, with a prefix of `prefix` letters; `r#name` is no string.
    fn raw_string(&mut self, prefix: usize) {
        let hashes = (prefix..).take_while(|&ahead| self.peek(ahead) == Some('#')).count();
        if self.peek(prefix + hashes) != Some('"') {
            self.take(true);
            return;
        }
        for _ in 0..=prefix + hashes {
            self.take(true);
        }
        let line = self.line;
        let mut text = String::new();
        while self.at < self.chars.len() {
            let closes = self.peek(0) == Some('"') && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes {
                break;
            }
            text.extend(self.take(false));
        }
        for _ in 0..=hashes {
            self.take(true);
        }
        self.source.literals.push((line, text));
    }

    /// A character such as `'x'` or `'\''`, or a lifetime such as `'a`.
    fn quote(&mut self) {
        self.take(true);
        if self.peek(0) == Some('\\') {
            self.take(false);
            self.take(false);
            while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
                self.take(false);
            }
            self.take(true);
        } else if self.peek(1) == Some('\'') {
            self.take(false);
            self.take(true);
        }
    }
}

/// Marks the lines of `#[cfg(test)] mod … { … }` in a code view.
fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = vec![false; code.lines().count()];
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let rest = &code[start..];
        // A module kept in another file ends with a semicolon and has no body here.
        let Some(open) = rest.find(['{', ';']) else {
            continue;
        };
        let mut depth = 0_i32;
        let mut end = open;
        for (offset, char) in rest[open..].char_indices() {
            depth += i32::from(char == '{') - i32::from(char == '}');
            end = open + offset;
            if depth == 0 {
                break;
            }
        }
        let first = code[..start].matches('\n').count();
        let last = first + rest[..=end].matches('\n').count();
        for mark in marks.iter_mut().take(last + 1).skip(first) {
            *mark = true;
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_strings_and_comments_are_not_code() {
        let source = Source::parse("let a = \"secret \\\" x\"; // secret\n/* secret /* y */ secret */ let b = 1;");
        assert!(!source.code.contains("secret"), "{}", source.code);
        assert!(source.code.contains("let b = 1;"));
        assert_eq!(source.literals, [(1, "secret \\\" x".to_owned())]);
        assert_eq!(source.comments.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn raw_strings_characters_and_lifetimes() {
        let source = Source::parse(
            "fn f<'a>(x: &'a str) { let q = '\"'; let e = '\\''; let r = r#\"a \"b\" c\"#; r#type(); br\"z\" }",
        );
        assert_eq!(source.literals, [(1, "a \"b\" c".to_owned()), (1, "z".to_owned())]);
        assert!(source.code.contains("r#type()"));
        assert!(source.code.contains("&'a str"));
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "a\n\"two\nthree\"\n/* four\nfive */ b\n";
        let source = Source::parse(text);
        assert_eq!(source.code.chars().count(), text.chars().count());
        assert_eq!(source.code_lines().last(), Some((5, "        b")));
    }

    #[test]
    fn a_test_module_ends_with_its_brace() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { \"}\"; }\n}\nfn c() {}\n#[cfg(test)]\nmod other;\nfn d() {}\n";
        let source = Source::parse(text);
        let marked: Vec<usize> = (1..=9).filter(|&line| source.is_test_line(line)).collect();
        assert_eq!(marked, [2, 3, 4, 5, 7, 8]);
    }
}
