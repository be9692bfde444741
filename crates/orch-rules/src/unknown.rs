//! What a newer release wrote and this one does not know. It is shown as it is spelled, no rule acts on it, and where its
//! row is written it goes back as it was.

mod nested;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A part of stored rows that this release does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Which: a field of the task (`waits`), or one of its rows (`an attempt`).
    pub part: String,
    /// As it is stored, cut to [`Unknown::KEPT`] characters.
    pub text: String,
}

impl Unknown {
    /// Characters that are shown.
    pub const KEPT: usize = 300;

    /// A part, and how it is stored.
    pub fn new(part: impl Into<String>, stored: &str) -> Self {
        let mut text: String = stored.chars().take(Self::KEPT).collect();
        if text.len() < stored.len() {
            text.push('…');
        }
        Self { part: part.into(), text }
    }
}

/// For people: `waits ({"kind":"…"}), position ({"at":"…"})`.
pub fn words(unknown: &[Unknown]) -> String {
    unknown.iter().map(|part| format!("{} ({})", part.part, part.text)).collect::<Vec<_>>().join(", ")
}

/// What a row holds beyond what this release knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beyond {
    /// Fields that this release does not have; written back as they came.
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
    /// Fields that it has, with content that it does not know.
    #[serde(skip)]
    fields: BTreeMap<String, Field>,
    /// Fields that its parts do not have.
    #[serde(skip)]
    nested: Vec<nested::Nested>,
}

/// A row that is written again as a whole, and keeps what it does not know.
pub trait Keeps: Serialize + DeserializeOwned {
    /// What it holds beyond what this release knows.
    fn beyond(&self) -> &Beyond;
    /// The same, to be changed.
    fn beyond_mut(&mut self) -> &mut Beyond;
}

macro_rules! keeps {
    ($($row:ty),+ $(,)?) => {
        $(impl Keeps for $row {
            fn beyond(&self) -> &Beyond {
                &self.beyond
            }
            fn beyond_mut(&mut self) -> &mut Beyond {
                &mut self.beyond
            }
        })+
    };
}
keeps!(
    crate::task::Task,
    crate::attempt::Attempt,
    crate::check::Check,
    crate::episode::Episode,
    crate::lane::LaneEntry,
    crate::outage::Outage,
);

/// Reads a row of which this release knows every part, whatever fields they have besides.
///
/// # Errors
/// There is a part that it does not know: [`read`] leaves it out.
pub fn whole<T: Keeps>(stored: &str) -> serde_json::Result<T> {
    let mut row: T = serde_json::from_str(stored)?;
    row.beyond_mut().nested = nested::found(stored, &row);
    Ok(row)
}

/// The row as it is written; `None`: as it stands.
pub fn written<T: Keeps>(row: &T) -> Option<Map<String, Value>> {
    let beyond = row.beyond();
    if beyond.fields.is_empty() && beyond.nested.is_empty() {
        return None;
    }
    let Ok(Value::Object(mut written)) = serde_json::to_value(row) else { return None };
    beyond.restore(&mut written);
    Some(written)
}

/// A field with content that this release does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    stored: Value,
    /// What the field says meanwhile.
    stand_in: Value,
    /// The parts of it that are not known.
    unknown: Vec<Value>,
}

impl Beyond {
    /// The row has fields whose content is not known.
    pub fn is_unknown(&self) -> bool {
        !self.fields.is_empty()
    }
    /// These fields.
    pub fn parts(&self) -> Vec<Unknown> {
        let part = |(name, field): (&String, &Field)| {
            let values: Vec<_> = field.unknown.iter().map(Value::to_string).collect();
            Unknown::new(name.as_str(), &values.join(" "))
        };
        self.fields.iter().map(part).collect()
    }
    /// Adds what was found when the row was read.
    pub fn join(&mut self, found: Self) {
        self.fields.extend(found.fields);
        self.nested.extend(found.nested);
    }
    /// The decision writes this field itself: what stood there does not come back.
    pub fn forget(&mut self, field: &str) {
        self.fields.remove(field);
    }
    /// Puts back what stood in the fields that still say what stood in for it, and in parts that still are the same.
    pub fn restore(&self, row: &mut Map<String, Value>) {
        nested::restore(&self.nested, row);
        for (name, field) in &self.fields {
            if row.get(name) == Some(&field.stand_in) {
                row.insert(name.clone(), field.stored.clone());
            }
        }
    }
}

/// Reads a row field by field: one with content that this release does not know says what `blank` says, and of a list
/// what is known. Gives the row, and what it leaves out.
pub fn read<T: Serialize + DeserializeOwned + Clone>(stored: &str, blank: &T) -> (T, Beyond) {
    let mut beyond = Beyond::default();
    let whole = |text: &str| {
        let field = Field { stored: Value::Null, stand_in: Value::Null, unknown: vec![Value::String(text.to_owned())] };
        Beyond { fields: BTreeMap::from([("body".to_owned(), field)]), ..Beyond::default() }
    };
    let (Ok(Value::Object(fields)), Ok(mut row)) = (serde_json::from_str(stored), serde_json::to_value(blank)) else {
        return (blank.clone(), whole(stored));
    };
    let fields: Vec<_> = fields.into_iter().collect();
    let mut unknown = Vec::new();
    take::<T>(&mut row, &fields, &mut unknown);
    for name in missing::<T>(&mut row, &fields) {
        let stand_in = row.get(&name).cloned().unwrap_or_default();
        // Not put back: without it the row could not be read, by any release that we know of.
        let field = Field { stored: stand_in.clone(), stand_in, unknown: vec![Value::from("missing")] };
        beyond.fields.insert(name, field);
    }
    for (name, stored) in unknown {
        let mut field = Field { stand_in: Value::Null, unknown: Vec::new(), stored: stored.clone() };
        match stored {
            Value::Array(items) if row.get(name).is_some_and(Value::is_array) => {
                for item in items {
                    let mut known = row[name].as_array().cloned().unwrap_or_default();
                    known.push(item.clone());
                    if !put::<T>(&mut row, name, Value::Array(known)) {
                        field.unknown.push(item.clone());
                    }
                }
            }
            other => field.unknown.push(other.clone()),
        }
        field.stand_in = row.get(name).cloned().unwrap_or_default();
        beyond.fields.insert(name.clone(), field);
    }
    match T::deserialize(&row) {
        Ok(read) => {
            beyond.nested = nested::found_in(row, &read);
            (read, beyond)
        }
        Err(_) => (blank.clone(), whole(stored)),
    }
}

/// Takes the fields over that can be read, in halves: few of many cannot.
fn take<'f, T: DeserializeOwned>(
    row: &mut Value,
    fields: &'f [(String, Value)],
    unknown: &mut Vec<(&'f String, &'f Value)>,
) {
    let before: Vec<_> = fields.iter().map(|(name, _)| row.get(name).cloned()).collect();
    for (name, stored) in fields {
        set(row, name, Some(stored.clone()));
    }
    if T::deserialize(&*row).is_ok() {
        return;
    }
    for ((name, _), old) in fields.iter().zip(before) {
        set(row, name, old);
    }
    match fields {
        [] => {}
        [(name, stored)] => unknown.push((name, stored)),
        _ => {
            let (one, other) = fields.split_at(fields.len() / 2);
            take::<T>(row, one, unknown);
            take::<T>(row, other, unknown);
        }
    }
}

/// Fields that a row must have and the stored one has not.
fn missing<T: DeserializeOwned>(row: &mut Value, fields: &[(String, Value)]) -> Vec<String> {
    let names: Vec<String> = row.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    let absent = names.into_iter().filter(|name| fields.iter().all(|(known, _)| known != name));
    let needed = |name: &String| {
        let before = row.get(name).cloned();
        set(row, name, None);
        let needed = T::deserialize(&*row).is_err();
        set(row, name, before);
        needed
    };
    absent.filter(needed).collect()
}

/// Sets a field if the row can be read with it.
fn put<T: DeserializeOwned>(row: &mut Value, name: &str, to: Value) -> bool {
    let before = row.get(name).cloned();
    set(row, name, Some(to));
    let reads = T::deserialize(&*row).is_ok();
    if !reads {
        set(row, name, before);
    }
    reads
}

fn set(row: &mut Value, name: &str, to: Option<Value>) {
    let Some(row) = row.as_object_mut() else { return };
    match to {
        Some(to) => drop(row.insert(name.to_owned(), to)),
        None => drop(row.remove(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Row {
        name: String,
        mood: Option<Mood>,
        moods: Vec<Mood>,
        count: u32,
        #[serde(flatten)]
        beyond: Beyond,
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case", tag = "kind")]
    enum Mood {
        Calm,
        Busy { with: String },
    }

    fn blank() -> Row {
        Row { name: "?".into(), mood: None, moods: Vec::new(), count: 0, beyond: Beyond::default() }
    }
    fn back(row: &Row, beyond: &Beyond) -> Value {
        let Ok(Value::Object(mut written)) = serde_json::to_value(row) else { panic!("a row is an object") };
        beyond.restore(&mut written);
        Value::Object(written)
    }

    #[test]
    fn what_is_not_known_is_left_out_told_and_written_back() {
        let stored = r#"{"name":"a","mood":{"kind":"elated","by":7},"count":3,"more":{"x":[1]},
            "moods":[{"kind":"calm"},{"kind":"torn","between":["a","b"]},{"kind":"busy","with":"it"},{"kind":"busy"}]}"#;
        let (row, beyond) = read(stored, &blank());
        assert_eq!((row.name.as_str(), &row.mood, row.count), ("a", &None, 3));
        assert_eq!(row.moods, [Mood::Calm, Mood::Busy { with: "it".into() }]);
        let told: Vec<_> = beyond.parts().into_iter().map(|part| format!("{}: {}", part.part, part.text)).collect();
        assert_eq!(
            told,
            [r#"mood: {"by":7,"kind":"elated"}"#, r#"moods: {"between":["a","b"],"kind":"torn"} {"kind":"busy"}"#]
        );
        assert_eq!(back(&row, &beyond), serde_json::from_str::<Value>(stored).unwrap(), "as it was");
        let changed = Row { count: 4, mood: Some(Mood::Calm), ..row };
        let written = back(&changed, &beyond);
        assert_eq!(
            (&written["count"], &written["mood"]["kind"]),
            (&4.into(), &"calm".into()),
            "what is decided counts"
        );
        assert_eq!(written["moods"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn fields_of_a_newer_release_go_through_a_row_that_can_be_read() {
        let stored = r#"{"name":"a","mood":null,"moods":[],"count":1,"deploys":[{"to":"eu"}]}"#;
        let row: Row = serde_json::from_str(stored).unwrap();
        assert!(!row.beyond.is_unknown());
        assert_eq!(serde_json::to_value(&row).unwrap(), serde_json::from_str::<Value>(stored).unwrap());
    }

    #[test]
    fn a_row_of_which_nothing_can_be_read_is_a_blank_one() {
        for stored in ["", "[]", "7", "{\"name\":"] {
            let (row, beyond) = read(stored, &blank());
            assert_eq!(row, blank());
            assert_eq!(beyond.parts()[0].text, Value::from(stored).to_string());
        }
        let (row, beyond) = read(r#"{"name":["x"],"count":"many"}"#, &blank());
        let parts: Vec<_> = beyond.parts().into_iter().map(|part| part.part).collect();
        assert_eq!((row.name.as_str(), row.count, parts.join(" ").as_str()), ("?", 0, "count moods name"));
    }

    #[test]
    fn a_long_part_is_cut() {
        let unknown = Unknown::new("waits", &"ж".repeat(500));
        assert_eq!(unknown.text.chars().count(), Unknown::KEPT + 1);
    }
}
