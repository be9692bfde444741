//! The pipeline as a picture and as a table, in plain text.

use super::{GateName, OnRed, Pipeline, Stage, Target};

/// Columns of a stage's box, borders included.
const BOX: usize = 68;
/// Column of the connector between two boxes.
const STEM: usize = 6;
/// Column of the first rail that leads back, and the distance to the next one.
const RAIL: usize = BOX + 13;
const RAIL_STEP: usize = 4;
/// A picture is never wider than this.
const WIDEST: usize = 100;

/// The line as a picture: a box per stage, green downwards, red back upwards on the right. At most 100 columns wide.
pub fn draw(pipeline: &Pipeline) -> String {
    let stages = in_order(pipeline);
    let rails = Rails::plan(&stages);
    let mut canvas = Canvas::default();
    canvas.line("   start");
    let mut places = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        canvas.stem("");
        let title_row = canvas.rows.len() + 1;
        canvas.boxed(&box_lines(stage, rails.of(index).is_none()));
        places.push((title_row, canvas.rows.len() - 2));
        if stage.lands {
            canvas.stem("the base branch moves to the tested commit");
        }
    }
    canvas.stem("");
    canvas.line("   done");
    for rail in &rails.drawn {
        canvas.rail(rail, &places);
    }
    if !rails.drawn.is_empty() {
        canvas.line("");
        canvas.line("red ≤ n: leads back while the task has been sent back fewer than n times");
    }
    canvas.text()
}

/// Stages from the entry along `next`; a checked pipeline has them all on this path.
fn in_order(pipeline: &Pipeline) -> Vec<&Stage> {
    let mut stages: Vec<&Stage> = Vec::new();
    let mut at = pipeline.entry();
    while let Some(stage) = at {
        if stages.iter().any(|seen| seen.id == stage.id) {
            break;
        }
        stages.push(stage);
        at = match &stage.next {
            Target::Stage(id) => pipeline.stage(id),
            Target::Done => None,
        };
    }
    stages
}

/// The lines inside a stage's box; `red_in_words` if no rail shows where red leads.
fn box_lines(stage: &Stage, red_in_words: bool) -> Vec<String> {
    let inner = BOX - 4;
    let who = stage.role.map_or_else(|| stage.kind.name().to_owned(), |role| format!("{} · {role}", stage.kind));
    let gap = inner.saturating_sub(stage.id.as_str().chars().count() + who.chars().count());
    let mut lines = vec![format!("{}{}{who}", stage.id, " ".repeat(gap))];
    let mut field = |name: &str, items: Vec<String>, joint: &str| {
        for (index, text) in wrapped(&items, joint, inner - 9).into_iter().enumerate() {
            lines.push(format!("{:<9}{text}", if index == 0 { name } else { "" }));
        }
    };
    field("writes", stage.documents.clone(), ", ");
    field("gates", stage.gates.iter().map(|gate| short(*gate)).collect(), " · ");
    let human =
        [(stage.approval, "approves before the task leaves"), (stage.confirm, "confirms before the base branch moves")];
    field("human", human.iter().filter(|(asked, _)| *asked).map(|(_, what)| (*what).to_owned()).collect(), ", ");
    if red_in_words {
        field("red", vec![red(stage)], "");
    } else if lines.len() == 1 {
        // A rail leaves from the last line and arrives at the first one.
        lines.push(String::new());
    }
    lines
}

/// `check_ci_green` as people read it in a small box.
fn short(gate: GateName) -> String {
    gate.name().trim_start_matches("check_").replace('_', " ")
}

fn red(stage: &Stage) -> String {
    match (&stage.on_red, stage.cap) {
        (OnRed::Stay, _) => "stays, a human decides".to_owned(),
        (OnRed::Back(to), Some(cap)) => format!("back to {to}, at most {cap} ×"),
        (OnRed::Back(to), None) => format!("back to {to}"),
    }
}

/// Items joined into lines of at most `width` characters; an item that is longer is cut.
fn wrapped(items: &[String], joint: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        let item = if item.chars().count() > width {
            let head: String = item.chars().take(width.saturating_sub(1)).collect();
            format!("{head}…")
        } else {
            item.clone()
        };
        match lines.last_mut() {
            Some(line) if line.chars().count() + joint.chars().count() + item.chars().count() < width => {
                line.push_str(joint);
                line.push_str(&item);
            }
            Some(line) => {
                line.push_str(joint.trim_end());
                lines.push(item);
            }
            None => lines.push(item),
        }
    }
    lines
}

/// One way back that is drawn: every red edge that leads to the same stage shares it.
struct Rail {
    target: usize,
    /// Stages whose red leads there, with their caps.
    sources: Vec<(usize, Option<u32>)>,
    column: usize,
}

struct Rails {
    drawn: Vec<Rail>,
}

impl Rails {
    /// Shorter ways back are nearer to the boxes; two that do not overlap share a column. What does not fit the width
    /// is told in words.
    fn plan(stages: &[&Stage]) -> Self {
        let mut rails: Vec<Rail> = Vec::new();
        for (source, stage) in stages.iter().enumerate() {
            let OnRed::Back(id) = &stage.on_red else { continue };
            let Some(target) = stages.iter().position(|stage| &stage.id == id) else { continue };
            match rails.iter_mut().find(|rail| rail.target == target) {
                Some(rail) => rail.sources.push((source, stage.cap)),
                None => rails.push(Rail { target, sources: vec![(source, stage.cap)], column: 0 }),
            }
        }
        rails.sort_by_key(|rail| (rail.last() - rail.target, rail.target));
        let mut columns: Vec<Vec<(usize, usize)>> = Vec::new();
        for rail in &mut rails {
            let (from, to) = (rail.target, rail.last());
            let free = columns.iter().position(|taken| taken.iter().all(|&(first, last)| to < first || from > last));
            let column = free.unwrap_or_else(|| {
                columns.push(Vec::new());
                columns.len() - 1
            });
            columns[column].push((from, to));
            rail.column = RAIL + column * RAIL_STEP;
        }
        rails.retain(|rail| rail.column < WIDEST);
        Self { drawn: rails }
    }

    /// The rail that leaves from this stage.
    fn of(&self, stage: usize) -> Option<&Rail> {
        self.drawn.iter().find(|rail| rail.sources.iter().any(|(source, _)| *source == stage))
    }
}

impl Rail {
    fn last(&self) -> usize {
        self.sources.iter().map(|(source, _)| *source).max().unwrap_or(self.target)
    }
}

/// Rows of characters, grown to the right as needed.
#[derive(Default)]
struct Canvas {
    rows: Vec<Vec<char>>,
}

impl Canvas {
    fn line(&mut self, text: &str) {
        self.rows.push(text.chars().collect());
    }

    /// The connector to the next box, with a remark beside it.
    fn stem(&mut self, remark: &str) {
        let pad = " ".repeat(STEM);
        self.line(&if remark.is_empty() { format!("{pad}▼") } else { format!("{pad}┃  {remark}") });
    }

    fn boxed(&mut self, lines: &[String]) {
        let bar = "─".repeat(BOX - 2);
        self.line(&format!("┌{bar}┐"));
        for text in lines {
            let pad = " ".repeat((BOX - 4).saturating_sub(text.chars().count()));
            self.line(&format!("│ {text}{pad} │"));
        }
        self.line(&format!("└{bar}┘"));
    }

    fn rail(&mut self, rail: &Rail, places: &[(usize, usize)]) {
        let top = places[rail.target].0;
        let bottom = places[rail.last()].1;
        self.across(top, rail.column, "◄");
        self.put(top, rail.column, '┐');
        for row in top + 1..bottom {
            let crossed = matches!(self.at(row, rail.column), '─' | '┼');
            self.put(row, rail.column, if crossed { '┼' } else { '│' });
        }
        for (source, cap) in &rail.sources {
            let row = places[*source].1;
            let label = cap.map_or_else(|| "─ red ".to_owned(), |cap| format!("─ red ≤ {cap} "));
            self.across(row, rail.column, &label);
            self.put(row, BOX - 1, '├');
            self.put(row, rail.column, if row == bottom { '┘' } else { '┤' });
        }
    }

    /// A horizontal line from a box's right border to a rail, over the rails between, starting with a label.
    fn across(&mut self, row: usize, column: usize, label: &str) {
        for (offset, c) in label.chars().enumerate() {
            self.put(row, BOX + offset, c);
        }
        for x in BOX + label.chars().count()..column {
            let crossed = matches!(self.at(row, x), '│' | '┼');
            self.put(row, x, if crossed { '┼' } else { '─' });
        }
    }

    fn at(&self, row: usize, column: usize) -> char {
        self.rows.get(row).and_then(|row| row.get(column)).copied().unwrap_or(' ')
    }

    fn put(&mut self, row: usize, column: usize, c: char) {
        let Some(row) = self.rows.get_mut(row) else { return };
        if row.len() <= column {
            row.resize(column + 1, ' ');
        }
        row[column] = c;
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let line: String = row.iter().collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The line as a table: a row per stage (who acts, where green and red lead, what a human is asked), then what each of
/// its gates asks.
pub fn explain(pipeline: &Pipeline) -> String {
    let stages = in_order(pipeline);
    let mut rows = vec![["stage", "kind", "who", "green leads to", "red leads to", "a human"].map(str::to_owned)];
    for stage in &stages {
        let green = match &stage.next {
            Target::Stage(id) => id.to_string(),
            Target::Done => "done".to_owned(),
        };
        let green = if stage.lands { format!("{green} (lands)") } else { green };
        let human = [(stage.approval, "approves"), (stage.confirm, "confirms")];
        let human: Vec<&str> = human.iter().filter(|(asked, _)| *asked).map(|(_, what)| *what).collect();
        let red = match (&stage.on_red, stage.cap) {
            (OnRed::Back(to), Some(cap)) => format!("{to} (≤ {cap})"),
            (OnRed::Back(to), None) => to.to_string(),
            (OnRed::Stay, _) => "stays".to_owned(),
        };
        let role = stage.role.map_or("-", super::Role::name);
        let human = if human.is_empty() { "-".to_owned() } else { human.join(", ") };
        rows.push([stage.id.to_string(), stage.kind.name().to_owned(), role.to_owned(), green, red, human]);
    }
    let mut text = table(&rows);
    text.push_str("\ngates, in the order they are asked\n");
    for stage in &stages {
        text.push_str(&format!("  {}\n", stage.id));
        for gate in &stage.gates {
            text.push_str(&format!("    {:<27}{}\n", gate.name(), gate.sentence()));
        }
    }
    text
}

fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            let pad = " ".repeat(width - cell.chars().count() + 2);
            line.push_str(cell);
            line.push_str(&pad);
        }
        text.push_str(line.trim_end());
        text.push('\n');
        if index == 0 {
            text.push_str(&"─".repeat(line.trim_end().chars().count()));
            text.push('\n');
        }
    }
    text
}
