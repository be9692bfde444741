//! Variables in a script's texts: `{id}`, `{title}` and a few more.

/// Names and their values. Expansion is one pass: what a value contains is never expanded again.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(Vec<(&'static str, String)>);

impl Variables {
    pub(super) fn new(pairs: Vec<(&'static str, String)>) -> Self {
        Self(pairs)
    }

    /// `text` with each `{name}` of a known name replaced; all other braces stay as they are, so that code can be
    /// written plainly.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            result.push_str(&rest[..at]);
            rest = &rest[at..];
            let known = self.0.iter().find_map(|(name, value)| {
                let after = rest[1..].strip_prefix(name)?.strip_prefix('}')?;
                Some((value, after))
            });
            match known {
                Some((value, after)) => {
                    result.push_str(value);
                    rest = after;
                }
                None => {
                    result.push('{');
                    rest = &rest[1..];
                }
            }
        }
        result.push_str(rest);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_known_names_once_and_leaves_code_alone() {
        let variables = Variables::new(vec![("id", "A-1".to_owned()), ("title", "{id} of {x}".to_owned())]);
        assert_eq!(
            variables.expand("{id}: {title} {{id}} fn f() { {name} } {"),
            "A-1: {id} of {x} {A-1} fn f() { {name} } {"
        );
    }
}
