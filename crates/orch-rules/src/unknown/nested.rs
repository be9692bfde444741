//! Fields that a newer release put inside the parts of a row: into an answer, an element of a list, a state. This release
//! reads past them, and they go back where they were as long as that part still is the same thing.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One step into a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    /// Where it stood in its list; it may stand elsewhere by now.
    Item(usize),
}

/// What one part of a row holds beyond what this release knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    path: Vec<Step>,
    /// The part, as this release knows it.
    known: Map<String, Value>,
    more: Map<String, Value>,
}

/// What `stored` holds in its parts beyond `row`, which was read from it.
pub fn found<T: Serialize + DeserializeOwned>(stored: &str, row: &T) -> Vec<Nested> {
    // Nearly every row is written as this release writes it.
    if serde_json::to_string(row).is_ok_and(|known| known == stored) {
        return Vec::new();
    }
    serde_json::from_str(stored).map(|stored| found_in(stored, row)).unwrap_or_default()
}

/// The same of a row that was taken apart.
pub fn found_in<T: Serialize + DeserializeOwned>(mut stored: Value, row: &T) -> Vec<Nested> {
    let Ok(known) = serde_json::to_value(row) else { return Vec::new() };
    let mut all = Vec::new();
    compare(&stored, &known, &mut Vec::new(), &mut all);
    // A field that is read under another name than it is written under is known: without it the row says something else.
    all.retain(|nested| {
        let Some(part) = at(&mut stored, &nested.path) else { return false };
        let whole = part.clone();
        part.retain(|name, _| !nested.more.contains_key(name));
        let same = T::deserialize(&stored).ok().and_then(|row| serde_json::to_value(row).ok());
        if let Some(part) = at(&mut stored, &nested.path) {
            *part = whole;
        }
        same.as_ref() == Some(&known)
    });
    all
}

/// Puts everything back into a row that is about to be written.
pub fn restore(all: &[Nested], row: &mut Map<String, Value>) {
    for nested in all {
        if let Some((Step::Field(name), rest)) = nested.path.split_first()
            && let Some(part) = row.get_mut(name)
        {
            put(part, rest, nested);
        }
    }
}

fn compare(stored: &Value, known: &Value, path: &mut Vec<Step>, all: &mut Vec<Nested>) {
    match (stored, known) {
        (Value::Object(stored), Value::Object(known)) => {
            let more: Map<_, _> = stored
                .iter()
                .filter(|(name, _)| !known.contains_key(*name))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect();
            // The row's own fields are kept by the row.
            if !more.is_empty() && !path.is_empty() {
                all.push(Nested { path: path.clone(), known: known.clone(), more });
            }
            for (name, part) in stored {
                if let Some(known) = known.get(name) {
                    path.push(Step::Field(name.clone()));
                    compare(part, known, path, all);
                    path.pop();
                }
            }
        }
        // Of a list that was not read as a whole nobody can say which element is which.
        (Value::Array(stored), Value::Array(known)) if stored.len() == known.len() => {
            for (index, (part, known)) in stored.iter().zip(known).enumerate() {
                path.push(Step::Item(index));
                compare(part, known, path, all);
                path.pop();
            }
        }
        _ => {}
    }
}

fn at<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Map<String, Value>> {
    let mut value = value;
    for step in path {
        value = match step {
            Step::Field(name) => value.get_mut(name)?,
            Step::Item(index) => value.get_mut(index)?,
        };
    }
    value.as_object_mut()
}

/// Whether it was put into what `path` leads to from here.
fn put(value: &mut Value, path: &[Step], nested: &Nested) -> bool {
    match path.split_first() {
        None => match value {
            Value::Object(part) if is_same(part, nested) => {
                part.extend(nested.more.clone());
                true
            }
            _ => false,
        },
        Some((Step::Field(name), rest)) => value.get_mut(name).is_some_and(|part| put(part, rest, nested)),
        Some((Step::Item(index), rest)) => {
            let Some(items) = value.as_array_mut() else { return false };
            let mut order: Vec<usize> = (0..items.len()).collect();
            order.sort_by_key(|found| (found != index, *found));
            order.into_iter().any(|found| items.get_mut(found).is_some_and(|item| put(item, rest, nested)))
        }
    }
}

/// Texts and numbers say what a thing is (whose, since when, which kind); switches and what it holds may change.
fn is_same(part: &Map<String, Value>, nested: &Nested) -> bool {
    let says = |value: &Value| matches!(value, Value::String(_) | Value::Number(_));
    nested.more.keys().all(|name| !part.contains_key(name))
        && nested.known.iter().all(|(name, known)| match part.get(name) {
            Some(now) if says(known) || says(now) => known == now,
            Some(_) => true,
            None => !says(known),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Serialize, Deserialize)]
    struct Row {
        hands: Option<Hands>,
        claims: Vec<Hands>,
        #[serde(rename = "new", alias = "old")]
        renamed: Option<Hands>,
    }
    #[derive(Clone, Serialize, Deserialize)]
    struct Hands {
        by: String,
        returning: bool,
        #[serde(default)]
        holds: Vec<Hands>,
    }

    fn hands(by: &str) -> Value {
        json!({"by": by, "returning": false, "holds": []})
    }

    /// The row as it is written after a change.
    fn back(stored: &Value, change: impl FnOnce(&mut Row)) -> Value {
        let stored = stored.to_string();
        let mut row: Row = serde_json::from_str(&stored).unwrap();
        let nested = found(&stored, &row);
        change(&mut row);
        let Ok(Value::Object(mut written)) = serde_json::to_value(&row) else { panic!("a row is an object") };
        restore(&nested, &mut written);
        Value::Object(written)
    }

    fn with(mut value: Value, more: &Value) -> Value {
        value.as_object_mut().unwrap().insert("note".to_owned(), more.clone());
        value
    }

    #[test]
    fn what_stands_in_a_part_goes_back_as_long_as_it_is_the_same_thing() {
        let note = json!({"in": ["a", {"b": 1}]});
        let stored = json!({"hands": with(hands("ann"), &note), "claims": [], "new": null});
        assert_eq!(back(&stored, |_| {}), stored);
        let returning = back(&stored, |row| row.hands.as_mut().unwrap().returning = true);
        assert_eq!((&returning["hands"]["note"], &returning["hands"]["returning"]), (&note, &json!(true)));
        let other = back(&stored, |row| row.hands.as_mut().unwrap().by = "bob".to_owned());
        assert_eq!(other["hands"].get("note"), None, "it was said of somebody else");
        assert_eq!(back(&stored, |row| row.hands = None)["hands"], Value::Null);
    }

    #[test]
    fn elements_of_lists_keep_theirs_wherever_they_stand_by_then() {
        let (one, two) = (json!(1), json!(2));
        let deep = json!({"by": "cid", "returning": true, "holds": [with(hands("dot"), &one)]});
        let stored = json!({
            "hands": null, "new": null,
            "claims": [with(hands("ann"), &one), hands("bob"), with(hands("ann"), &two), deep],
        });
        assert_eq!(back(&stored, |_| {}), stored);
        let rest = back(&stored, |row| drop(row.claims.remove(1)));
        assert_eq!(rest["claims"], json!([stored["claims"][0], stored["claims"][2], stored["claims"][3]]));
        let more = back(&stored, |row| row.claims.insert(0, row.claims[1].clone()));
        assert_eq!(more["claims"].as_array().unwrap().len(), 5);
        assert_eq!((&more["claims"][1], &more["claims"][4]), (&stored["claims"][0], &stored["claims"][3]));
    }

    #[test]
    fn an_older_name_of_a_field_is_no_field_of_a_newer_release() {
        let stored = json!({"hands": null, "claims": [], "old": hands("ann")});
        let row: Row = serde_json::from_str(&stored.to_string()).unwrap();
        assert!(found(&stored.to_string(), &row).is_empty() && row.renamed.is_some());
        // Nor is what an older release left out.
        let older = json!({"hands": {"by": "ann", "returning": false}, "claims": []});
        let row: Row = serde_json::from_str(&older.to_string()).unwrap();
        assert!(found(&older.to_string(), &row).is_empty());
    }
}
