//! Names made from a work item: its id, its branch, its documents folder; and the entry check of its texts.

use crate::facts::Policy;
use crate::ids::{TaskId, WorkItemId};
use crate::reason::{self, Reason};

/// Prefix of a repository that has no better one (A2).
pub const DEFAULT_PREFIX: &str = "ET";

/// Longest slug, in characters (A3).
pub const SLUG_LONGEST: usize = 30;

/// The slug of a title with nothing usable in it.
pub const UNTITLED: &str = "untitled";

/// Longest prefix of work item ids, in characters.
pub const PREFIX_LONGEST: usize = 10;

/// Small letters that are not ASCII and how they are written with ASCII: Russian, Ukrainian, Belarusian, and Latin
/// letters with marks. Others are dropped.
const TRANSLITERATED: [(&str, &str); 64] = [
    ("а", "a"),
    ("б", "b"),
    ("в", "v"),
    ("г", "g"),
    ("ґ", "g"),
    ("д", "d"),
    ("е", "e"),
    ("ё", "e"),
    ("є", "ie"),
    ("ж", "zh"),
    ("з", "z"),
    ("и", "i"),
    ("і", "i"),
    ("ї", "i"),
    ("й", "y"),
    ("к", "k"),
    ("л", "l"),
    ("м", "m"),
    ("н", "n"),
    ("о", "o"),
    ("п", "p"),
    ("р", "r"),
    ("с", "s"),
    ("т", "t"),
    ("у", "u"),
    ("ў", "u"),
    ("ф", "f"),
    ("х", "kh"),
    ("ц", "ts"),
    ("ч", "ch"),
    ("ш", "sh"),
    ("щ", "shch"),
    ("ъьʼ", ""),
    ("ы", "y"),
    ("э", "e"),
    ("ю", "yu"),
    ("я", "ya"),
    ("àáâãåāăą", "a"),
    ("ä", "ae"),
    ("æ", "ae"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęě", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįı", "i"),
    ("ĵ", "j"),
    ("ķ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņňŋ", "n"),
    ("òóôõøōŏő", "o"),
    ("ö", "oe"),
    ("œ", "oe"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ß", "ss"),
    ("ţťŧț", "t"),
    ("þ", "th"),
    ("ùúûũūŭůűų", "u"),
    ("ü", "ue"),
    ("ŵ", "w"),
    ("ýÿŷ", "y"),
    ("źżž", "z"),
    ("’'`", ""),
];

/// What a small letter is written as; `None` if it separates words.
fn ascii(c: char) -> Option<String> {
    if c.is_ascii_alphanumeric() {
        return Some(c.to_string());
    }
    let known = TRANSLITERATED.iter().find(|(letters, _)| letters.contains(c)).map(|(_, text)| (*text).to_owned());
    // Letters of other scripts and combining marks are dropped without a gap; everything else is a gap.
    known.or_else(|| (c.is_alphanumeric() || is_combining(c)).then(String::new))
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The part of a branch name made from a title (A3): transliterated, `a-z 0-9 -`, at most [`SLUG_LONGEST`]
/// characters, no `-` at either end, [`UNTITLED`] if nothing usable is left.
pub fn slug(title: &str) -> String {
    let mut slug = String::new();
    let mut gap = false;
    'title: for c in title.chars().flat_map(char::to_lowercase) {
        let Some(text) = ascii(c) else {
            gap = true;
            continue;
        };
        for letter in text.chars() {
            if gap && !slug.is_empty() {
                // A gap at the very end would be cut off again.
                if slug.len() + 1 >= SLUG_LONGEST {
                    break 'title;
                }
                slug.push('-');
            }
            gap = false;
            if slug.len() == SLUG_LONGEST {
                break 'title;
            }
            slug.push(letter);
        }
    }
    if slug.is_empty() { UNTITLED.to_owned() } else { slug }
}

/// `PREFIX-NNN`, padded to three digits (A2). Which number is free, the store knows.
pub fn work_item_id(prefix: &str, number: u64) -> WorkItemId {
    WorkItemId(format!("{prefix}-{number:03}"))
}

/// The folder of branch names that the tasks' branches are in.
pub const BRANCHES: &str = "feature";

/// `feature/<ID>-<slug>` (A3).
pub fn branch(id: &WorkItemId, title: &str) -> String {
    format!("{BRANCHES}/{id}-{}", slug(title))
}

/// The branch of a task whose usual branch is owned by another task: the same with the task's own identity behind it
/// (A3), reduced to what a branch name may have.
pub fn disambiguated_branch(id: &WorkItemId, title: &str, task: &TaskId) -> String {
    let kept = task.as_str().to_lowercase();
    let kept: String = kept.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("{}-{}", branch(id, title), kept.trim_matches('-'))
}

/// The folder with the documents of all work items.
pub const DOCUMENTS: &str = "docs/work-items";

/// Where the documents of a work item live, without a slash at the end: `docs/work-items/<ID>`.
pub fn documents_folder(id: &WorkItemId) -> String {
    format!("{DOCUMENTS}/{id}")
}

/// Which folders of documents leave the base branch when a task lands, of those (`folders`, ids of work items) that the
/// branch would then have. `keep`: of how many landed work items they stay.
///
/// The oldest leave, by their numbers. A few more than `keep` may stay, so that most landings take nothing away. What has
/// another prefix than the task that lands is nobody's whom the line knows, and stays. The task's own leave only if none
/// are kept at all.
pub fn leaving(folders: &[String], own: &WorkItemId, keep: u32) -> Vec<String> {
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let Some((prefix, _)) = own.as_str().rsplit_once('-') else { return Vec::new() };
    let number = |name: &String| name.strip_prefix(prefix)?.strip_prefix('-')?.parse::<u64>().ok();
    let mut known: Vec<(u64, &String)> = folders.iter().filter_map(|name| Some((number(name)?, name))).collect();
    if known.len() <= keep.saturating_add(keep / 5) {
        return Vec::new();
    }
    known.sort_unstable();
    let (gone, _) = known.split_at(known.len() - keep);
    gone.iter().filter(|(_, name)| keep == 0 || *name != own.as_str()).map(|(_, name)| (*name).clone()).collect()
}

/// Signs that change the direction of the text around them (Unicode 15, UAX #9): in a title they can make one name
/// look like another.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')
}

/// A title made safe for one line: line breaks and blanks become one blank, control characters and signs that turn
/// the direction of text are removed, the ends are trimmed. An empty title stays empty.
pub fn clean_title(title: &str) -> String {
    let spaced: String = title
        .chars()
        .map(|c| if c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .filter(|c| !c.is_control() && !turns_text(*c) && *c != '\u{feff}')
        .collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The entry check (A7): every reason why this task may not start, each naming the active limit; empty if it may.
/// Lengths are counted in characters, after [`clean_title`] and without blanks at the ends.
pub fn entry_check(title: &str, description: &str, policy: &Policy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let clean = clean_title(title);
    let length = count(&clean);
    let (min, max) = (policy.title_min, policy.title_max);
    if length == 0 && min > 0 {
        reasons.push(reason::title_empty(min));
    } else if length < min {
        reasons.push(reason::title_short(length, min));
    }
    if length > max {
        reasons.push(reason::title_long(length, max));
    }
    let length = count(description.trim());
    let min = policy.description_min;
    if length == 0 && min > 0 {
        reasons.push(reason::description_empty(min));
    } else if length < min {
        reasons.push(reason::description_short(length, min));
    }
    reasons
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// A prefix for work item ids made from a repository's name: a short word as it is, several words by their first
/// letters; [`DEFAULT_PREFIX`] if the name gives none.
pub fn prefix_from(repository_name: &str) -> String {
    const WORD: usize = 6;
    let name = repository_name.trim().trim_end_matches('/').trim_end_matches(".git");
    let name = name.rsplit('/').next().unwrap_or(name);
    let mut words: Vec<String> = vec![String::new()];
    for c in name.chars().flat_map(char::to_lowercase) {
        match ascii(c) {
            Some(text) => {
                if let Some(word) = words.last_mut() {
                    word.push_str(&text);
                }
            }
            None => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    let prefix: String = match words.as_slice() {
        [word] if word.len() > WORD => word.chars().take(4).collect(),
        [word] => word.clone(),
        several => several.iter().filter_map(|word| word.chars().next()).take(PREFIX_LONGEST).collect(),
    };
    let prefix = prefix.to_uppercase();
    if valid_prefix(&prefix) { prefix } else { DEFAULT_PREFIX.to_owned() }
}

/// Whether this may be a prefix of work item ids: two to [`PREFIX_LONGEST`] signs of `A-Z 0-9`, a letter first.
pub fn valid_prefix(prefix: &str) -> bool {
    (2..=PREFIX_LONGEST).contains(&prefix.len())
        && prefix.starts_with(|c: char| c.is_ascii_uppercase())
        && prefix.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slugs_by_example() {
        for (title, wanted) in [
            ("Add a cart", "add-a-cart"),
            ("  --Add__a  cart!! ", "add-a-cart"),
            ("Добавить корзину", "dobavit-korzinu"),
            ("Щётка и ЁЖ", "shchetka-i-ezh"),
            ("Größe ändern: Straße", "groesse-aendern-strasse"),
            ("Café déjà vu", "cafe-deja-vu"),
            ("Cafe\u{301}", "cafe"),
            ("Don't stop", "dont-stop"),
            ("", UNTITLED),
            ("日本語", UNTITLED),
            ("🚀🚀", UNTITLED),
            ("\u{202e}abc", "abc"),
            ("../../etc/passwd", "etc-passwd"),
            ("İstanbul", "istanbul"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaa bbb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa-b"),
        ] {
            assert_eq!(slug(title), wanted, "{title:?}");
        }
    }

    proptest! {
        #[test]
        fn slug_is_always_a_branch_part(title in "\\PC*|[а-яё \\-]{0,60}|[a-zäß/.~^: ]{0,60}") {
            let slug = slug(&title);
            prop_assert!(!slug.is_empty() && slug.len() <= SLUG_LONGEST, "{slug:?}");
            prop_assert!(slug.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'), "{slug:?}");
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"), "{slug:?}");
            prop_assert_eq!(super::slug(&slug), slug.clone(), "a slug is its own slug");
        }

        #[test]
        fn clean_title_is_one_safe_line(title in any::<String>()) {
            let clean = clean_title(&title);
            prop_assert!(!clean.chars().any(|c| c.is_control() || turns_text(c)), "{clean:?}");
            prop_assert_eq!(clean.trim(), &clean);
            prop_assert_eq!(clean_title(&clean), clean.clone());
        }

        #[test]
        fn prefix_is_always_valid(name in any::<String>()) {
            prop_assert!(valid_prefix(&prefix_from(&name)));
        }
    }

    #[test]
    fn ids_and_branches() {
        let id = work_item_id("SHOP", 7);
        assert_eq!(id.as_str(), "SHOP-007");
        assert_eq!(work_item_id("ET", 1234).as_str(), "ET-1234");
        assert_eq!(branch(&id, "Add a cart"), "feature/SHOP-007-add-a-cart");
        let task = TaskId::from("0192F-~^:ab/..c");
        assert_eq!(disambiguated_branch(&id, "Add a cart", &task), "feature/SHOP-007-add-a-cart-0192f-abc");
        assert_eq!(documents_folder(&id), "docs/work-items/SHOP-007");
    }

    #[test]
    fn the_oldest_documents_leave_a_few_at_a_time() {
        let folders = |numbers: &[u32]| -> Vec<String> { numbers.iter().map(|n| format!("SHOP-{n:03}")).collect() };
        let own = WorkItemId::from("SHOP-1007");
        let all: Vec<u32> = (995..=1007).collect();
        assert_eq!(leaving(&folders(&all[..12]), &own, 10), folders(&[]));
        // By number, not by letter.
        assert_eq!(leaving(&folders(&all), &own, 10), folders(&[995, 996, 997]));
        // What nobody here numbered stays, and the task's own, however late it lands.
        let mut more = folders(&all);
        more.extend(["OLD-001", "SHOP-notes", "SHOP-1-draft", "README.md"].map(str::to_owned));
        assert_eq!(leaving(&more, &own, 10), folders(&[995, 996, 997]));
        assert_eq!(leaving(&folders(&all), &WorkItemId::from("SHOP-995"), 10), folders(&[996, 997]));
        assert_eq!(leaving(&folders(&[1, 2, 7]), &own, 1), folders(&[1, 2]));
        assert_eq!(leaving(&folders(&[7, 1007]), &own, 0), folders(&[7, 1007]));
        assert_eq!(leaving(&folders(&all), &own, 1_000_000), folders(&[]));
    }

    #[test]
    fn clean_titles_by_example() {
        for (title, wanted) in [
            ("two\r\nlines\tand \u{2028} more", "two lines and more"),
            ("\u{202e}evil\u{202c} \u{2066}x\u{2069}\u{1b}[31m\u{7}", "evil x[31m"),
            ("   ", ""),
            ("", ""),
            ("\u{feff}bom", "bom"),
            ("עברית", "עברית"),
        ] {
            assert_eq!(clean_title(title), wanted, "{title:?}");
        }
    }

    /// A7 (Incident): 80 was too short, and the comment has to name the limit that is active.
    #[test]
    fn entry_check_lists_every_reason_with_its_limit() {
        let policy = Policy { title_min: 3, title_max: 5, description_min: 10, ..Policy::default() };
        let none: Vec<Reason> = Vec::new();
        assert_eq!(entry_check("12345", "0123456789", &policy), none);
        assert_eq!(
            entry_check("\u{202e}123456\n", " 012345678 ", &policy),
            [reason::title_long(6, 5), reason::description_short(9, 10)]
        );
        assert_eq!(entry_check("", "", &policy), [reason::title_empty(3), reason::description_empty(10)]);
        assert_eq!(entry_check("ж", "0123456789", &policy), [reason::title_short(1, 3)]);
        assert_eq!(entry_check(&"x".repeat(200), "", &Policy::default()), none);
        assert_eq!(entry_check(&"x".repeat(201), "", &Policy::default()).len(), 1);
    }

    #[test]
    fn prefixes_by_example() {
        for (name, wanted) in [
            ("shop", "SHOP"),
            ("tally", "TALLY"),
            ("orchestrion", "ORCH"),
            ("my-cool-app", "MCA"),
            ("/home/me/shop.git", "SHOP"),
            ("магазин", "MAGA"),
            ("x", DEFAULT_PREFIX),
            ("9lives", DEFAULT_PREFIX),
            ("", DEFAULT_PREFIX),
            ("日本", DEFAULT_PREFIX),
        ] {
            assert_eq!(prefix_from(name), wanted, "{name:?}");
        }
        for (prefix, valid) in [
            ("ET", true),
            ("A1", true),
            ("E", false),
            ("et", false),
            ("1A", false),
            ("A-B", false),
            ("ABCDEFGHIJK", false),
        ] {
            assert_eq!(valid_prefix(prefix), valid, "{prefix:?}");
        }
    }
}
