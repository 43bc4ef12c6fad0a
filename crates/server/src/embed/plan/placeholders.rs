//! `<@name>` in a text: where pictures take their place in the sequence.
//!
//! A placeholder is `<@`, 1 to 64 of `A-Z a-z 0-9 _ . -`, and `>`. Names are compared exactly. Any
//! other `<@` is ordinary text, and so is everything else that looks like markup.

use onespace_models::InputPart;

use crate::error::{ApiError, ApiResult};

/// The longest name, in characters.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// A stretch of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stretch<'a> {
    /// Ordinary text, verbatim.
    Text(&'a str),
    /// A name that a picture must have.
    Name(&'a str),
}

/// Splits `text` at its placeholders; empty stretches of text are left out.
pub(super) fn split(text: &str) -> Vec<Stretch<'_>> {
    let mut stretches = Vec::new();
    let mut text_from = 0;
    let mut search_from = 0;
    while let Some(found) = text[search_from..].find("<@") {
        let open = search_from + found;
        let name = leading_name(&text[open + 2..]);
        let close = open + 2 + name.len();
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !text[close..].starts_with('>') {
            search_from = open + 2;
            continue;
        }
        if open > text_from {
            stretches.push(Stretch::Text(&text[text_from..open]));
        }
        stretches.push(Stretch::Name(name));
        text_from = close + 1;
        search_from = text_from;
    }
    if text_from < text.len() {
        stretches.push(Stretch::Text(&text[text_from..]));
    }
    stretches
}

/// The longest prefix of `text` that consists of name characters.
fn leading_name(text: &str) -> &str {
    let end = text.find(|character| !is_name_character(character)).unwrap_or(text.len());
    &text[..end]
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
}

/// Whether a source may be called `name`.
pub(super) fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_name_character)
}

/// A text with pictures, in the order in which a model reads them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrangement<'a> {
    /// Pictures that the text does not name first, in their order, then the text with each named
    /// picture at its place. An unknown name stands as a picture beyond the last.
    pub(super) parts: Vec<InputPart<'a>>,
    /// Placeholders in the text.
    pub(super) placeholders: usize,
    /// The first name that no source has.
    unknown: Option<&'a str>,
}

/// Puts pictures, by the names given to them, between the stretches of a text.
pub(super) fn arrange<'a>(stretches: Vec<Stretch<'a>>, names: &[Option<&str>]) -> Arrangement<'a> {
    let mut referenced = vec![false; names.len()];
    let mut arrangement = Arrangement::default();
    let mut sequence = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        sequence.push(match stretch {
            Stretch::Text(text) => InputPart::Text(text),
            Stretch::Name(name) => {
                arrangement.placeholders += 1;
                let index = names.iter().position(|given| *given == Some(name));
                if index.is_none() {
                    arrangement.unknown.get_or_insert(name);
                }
                let index = index.unwrap_or(names.len());
                if let Some(referenced) = referenced.get_mut(index) {
                    *referenced = true;
                }
                InputPart::Image(index)
            }
        });
    }
    let unreferenced = (0..names.len()).filter(|&index| !referenced[index]).map(InputPart::Image);
    arrangement.parts = unreferenced.chain(sequence).collect();
    arrangement
}

impl Arrangement<'_> {
    /// # Errors
    ///
    /// `parameter_invalid` for a name that no source has.
    pub(super) fn check_names(&self) -> ApiResult<()> {
        self.unknown.map_or(Ok(()), |name| Err(unknown_name(name)))
    }
}

fn unknown_name(name: &str) -> ApiError {
    ApiError::invalid(
        "multi_input.input_text",
        format_args!(
            "refers to `<@{name}>`, but no entry of `media_sources` has the `name` `{name}`."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text as itself, names in brackets.
    fn shown(text: &str) -> String {
        split(text)
            .iter()
            .map(|stretch| match stretch {
                Stretch::Text(text) => format!("«{text}»"),
                Stretch::Name(name) => format!("[{name}]"),
            })
            .collect()
    }

    #[test]
    fn placeholders_are_found_and_all_else_is_text() {
        let long = "n".repeat(64);
        let too_long = "n".repeat(65);
        let cases = [
            ("", String::new()),
            ("plain", "«plain»".into()),
            ("<@a>", "[a]".into()),
            ("x <@a> y", "«x »[a]« y»".into()),
            ("<@a><@b>", "[a][b]".into()),
            ("<@>", "«<@>»".into()),
            ("<@a", "«<@a»".into()),
            ("<@a b>", "«<@a b>»".into()),
            ("<@<@a>>", "«<@»[a]«>»".into()),
            ("a<@i.m-g_1>", "«a»[i.m-g_1]".into()),
            ("<@é>", "«<@é>»".into()),
            ("é<@a>é", "«é»[a]«é»".into()),
            (&format!("<@{long}>"), format!("[{long}]")),
            (&format!("<@{too_long}>"), format!("«<@{too_long}>»")),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn unnamed_pictures_come_first_and_named_ones_at_their_place() {
        use InputPart::{Image, Text};
        let names = [Some("a"), Some("b"), None];
        let arrangement = arrange(split("x<@b>y<@b>"), &names);
        let expected = [Image(0), Image(2), Text("x"), Image(1), Text("y"), Image(1)];
        assert_eq!((arrangement.parts.as_slice(), arrangement.placeholders), (&expected[..], 2));
        assert!(arrangement.check_names().is_ok());
        assert!(arrange(split("<@a><@c>"), &names).check_names().is_err());
    }
}
