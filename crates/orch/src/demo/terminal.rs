//! Where progress goes: on a terminal one block, redrawn in place; elsewhere lines, appended.

use std::io::{IsTerminal, Write, stderr, stdout};

use crate::screen::Screen;

/// A place for lines. Dropped: the terminal is as it was.
pub struct Terminal {
    /// A block is redrawn in place.
    live: bool,
    /// stdout is kept free for the answer.
    aside: bool,
    /// Lines of the block that stand above the cursor.
    drawn: usize,
    hidden: bool,
}

impl Terminal {
    /// The terminal of this process. Under `--json` everything goes to stderr, plainly.
    pub fn of_process(screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let dumb = env("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let live = !screen.is_json() && !dumb && stdout().is_terminal();
        Self { live, aside: screen.is_json(), drawn: 0, hidden: false }
    }

    /// Whether a block is redrawn; otherwise only changes are told.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Draws the block over the one before.
    pub fn draw(&mut self, block: &[String]) {
        if !self.live {
            return;
        }
        let mut text = self.over_the_block();
        if !self.hidden {
            // DECTCEM: a cursor that jumps about is restless.
            text.push_str("\u{1b}[?25l");
            self.hidden = true;
        }
        for line in block {
            text.push_str(line);
            text.push_str("\u{1b}[K\n");
        }
        // What is left of a longer block.
        text.push_str("\u{1b}[J");
        self.drawn = block.len();
        self.put(&text);
    }

    /// A line that stays, instead of the block.
    pub fn say(&mut self, line: &str) {
        let over = self.over_the_block();
        let clear = if self.drawn > 0 { "\u{1b}[J" } else { "" };
        self.drawn = 0;
        self.put(&format!("{over}{clear}{line}\n"));
    }

    /// A question that stays; what is typed appears behind it.
    pub fn ask(&mut self, question: &str) {
        self.settle();
        self.put(question);
    }

    /// Leaves the block as it stands.
    pub fn settle(&mut self) {
        self.drawn = 0;
        if std::mem::take(&mut self.hidden) {
            self.put("\u{1b}[?25h");
        }
    }

    fn over_the_block(&self) -> String {
        if self.drawn > 0 { format!("\r\u{1b}[{}A", self.drawn) } else { String::new() }
    }

    fn put(&self, text: &str) {
        // Nobody may be looking any more; the demo goes on.
        let _ = if self.aside {
            let mut out = stderr().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        } else {
            let mut out = stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.settle();
    }
}
