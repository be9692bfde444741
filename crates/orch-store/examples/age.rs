//! Makes an old database of a young one: copies what its last finished task left for good, row by row, for so many
//! further tasks. `cargo xtask bench` measures a task in what comes of it.
//!
//! ```text
//! cargo run --release -p orch-store --example age -- N FILE MAIN
//! ```
//!
//! MAIN is the commit that the base branch was moved to. Nobody else may use the file meanwhile.
#![expect(clippy::print_stderr, reason = "a program for people and for xtask")]
#![expect(clippy::unwrap_used, reason = "a program that cannot run has nothing better to do than stop with the place")]

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// The numbers of the copies lie above those that were given out.
const ABOVE: i64 = 1_000_000;
/// Tables with rows of a task that upkeep leaves, and the column that names it.
const TABLES: [(&str, &str); 8] = [
    ("tasks", "id"),
    ("attempts", "task"),
    ("checks", "task"),
    ("episodes", "task"),
    ("usage_rows", "task"),
    ("audit", "task"),
    ("natural_keys", "owner"),
    ("lane_entries", "task"),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [many, file, tip] = args.as_slice() else {
        eprintln!("age N FILE MAIN");
        std::process::exit(2);
    };
    let connection = Connection::open(file).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; BEGIN").unwrap();
    let last = "SELECT id, work_item, prefix, number FROM tasks WHERE place = 'done' ORDER BY number DESC LIMIT 1";
    let old: (String, String, String, i64) =
        connection.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    for (table, task) in TABLES {
        copy(&connection, (table, task), &old, many.parse().unwrap());
    }
    connection.execute("UPDATE repositories SET main_tip = ?1", [tip]).unwrap();
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

fn copy(connection: &Connection, (table, task): (&str, &str), old: &(String, String, String, i64), many: i64) {
    let (id, item, prefix, number) = old;
    let mut info = connection.prepare(&format!("SELECT name, type, pk FROM pragma_table_info('{table}')")).unwrap();
    let columns: Vec<(String, String, i64)> =
        info.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect();
    // The engine gives these numbers itself.
    let given: Vec<&str> = columns
        .iter()
        .filter(|(_, kind, pk)| *pk == 0 || kind != "INTEGER" || columns.iter().filter(|c| c.2 > 0).count() > 1)
        .map(|(name, ..)| name.as_str())
        .collect();
    let names = given.join(", ");
    let mut select = connection.prepare(&format!("SELECT {names} FROM {table} WHERE {task} = ?1")).unwrap();
    let all =
        |row: &rusqlite::Row<'_>| (0..given.len()).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>();
    let rows: Vec<Vec<Value>> = select.query_map([id], all).unwrap().map(Result::unwrap).collect();
    let marks = vec!["?"; given.len()].join(", ");
    let mut insert = connection.prepare(&format!("INSERT INTO {table} ({names}) VALUES ({marks})")).unwrap();
    for copy in 0..many {
        let (new, new_item) = (format!("01a00000-0000-7000-8000-{copy:012}"), format!("{prefix}-{}", ABOVE + copy));
        for row in &rows {
            let values = row.iter().zip(&given).map(|(value, name)| match value {
                Value::Integer(at) if table == "tasks" && *name == "number" => {
                    Value::Integer(at - number + ABOVE + copy)
                }
                Value::Text(text) if table == "natural_keys" && *name == "name" && text.starts_with("issue:") => {
                    Value::Text(format!("issue:{new}"))
                }
                // What has no word of the task in it, and is unique.
                Value::Text(text) if *name == "id" && !text.contains(id.as_str()) => {
                    Value::Text(format!("{text}-{copy}"))
                }
                Value::Text(text) => Value::Text(text.replace(id.as_str(), &new).replace(item.as_str(), &new_item)),
                other => other.clone(),
            });
            insert.execute(params_from_iter(values)).unwrap();
        }
    }
}
