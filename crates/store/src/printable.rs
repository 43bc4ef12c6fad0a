//! Which characters a name may have, so that it is read as what it is: two names that look alike
//! should be alike, and none should look like nothing.

/// Whether `character` is neither a control character nor one that turns the direction of others
/// (UAX 9), and leaves a mark or a space of its own (of Unicode's default-ignorable characters, the
/// joiners of scripts and emoji stay).
pub fn is_shown(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let is_nothing = matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    let ends_a_line = matches!(character, '\u{2028}' | '\u{2029}');
    !character.is_control() && !turns && !is_nothing && !ends_a_line
}

/// Whether `text` has only characters that are shown, and one at least that is more than a joiner
/// or a space.
pub(crate) fn is_readable(text: &str) -> bool {
    text.chars().all(is_shown) && !text.chars().all(|c| c.is_whitespace() || joins(c))
}

/// Characters that only change how their neighbours look.
pub(crate) fn joins(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_what_they_are() {
        let good = ["a", "日本", "über key 7", "می\u{200c}خواهم", "👩\u{200d}👩", "a\u{a0}b"];
        let bad = [
            "",
            " ",
            "\u{200b}",
            "a\u{200b}",
            "\u{202e}gnp.exe",
            "\u{200d}",
            "a\u{2028}b",
            "a\tb",
            "\u{3164}",
            "\u{feff}a",
            "\u{2066}a\u{2069}",
        ];
        for name in good {
            assert!(is_readable(name), "{name}");
        }
        for name in bad {
            assert!(!is_readable(name), "{}", name.escape_unicode());
        }
    }
}
