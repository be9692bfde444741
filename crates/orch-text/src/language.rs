//! Which language somebody reads.

/// A language that every text exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// `en`: the command line, errors and logs, and everybody who asked for nothing else.
    #[default]
    English,
    /// `ru`.
    Russian,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::Russian];

    /// Its tag, as settings and rows spell it.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// Of a tag such as `ru`, `ru-RU` or `ru_RU.UTF-8`; `None` for a language there are no texts in.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', '.', '@']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary.trim()))
    }

    /// The most wanted language of an `Accept-Language` header (RFC 9110, 12.5.4); English if none is there.
    #[must_use]
    pub fn of_header(header: &str) -> Self {
        let wishes = header.split(',').take(32).filter_map(|wish| {
            let (tag, rest) = wish.split_once(';').unwrap_or((wish, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok())?;
            Some((Self::of_tag(tag)?, weight))
        });
        // Of two that are wanted alike the first one is meant.
        wishes
            .filter(|(_, weight): &(Self, f32)| *weight > 0.0)
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map_or_else(Self::default, |(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_headers_are_read() {
        for (tag, language) in [
            ("ru", Some(Language::Russian)),
            ("RU-ru", Some(Language::Russian)),
            ("ru_RU.UTF-8", Some(Language::Russian)),
            ("en-GB", Some(Language::English)),
            ("de", None),
            ("", None),
            ("russian", None),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
        for (header, language) in [
            ("", Language::English),
            ("de-DE,de;q=0.9", Language::English),
            ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", Language::Russian),
            ("de, en;q=0.3, ru;q=0.8", Language::Russian),
            ("en, ru", Language::English),
            ("ru;q=0, en;q=0.1", Language::English),
            ("ru;q=x", Language::English),
            ("*", Language::English),
        ] {
            assert_eq!(Language::of_header(header), language, "{header}");
        }
    }
}
