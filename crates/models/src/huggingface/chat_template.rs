//! The folder's own chat template, reduced to what stands around an instruction, around a user's
//! parts, and for a picture.
//!
//! The template is rendered once, at load, with marks in the places of what users give; requests
//! never reach it. A folder without one gets the prompt that is published for the model.

use minijinja::{Environment, context};
use serde_json::{Value, json};

use super::{Folder, TOKENIZER_SETTINGS_FILE};
use crate::{LoadError, LoadErrorKind};

const TEMPLATE_FILE: &str = "chat_template.jinja";
/// The same in an object, under `chat_template`.
const TEMPLATE_JSON_FILE: &str = "chat_template.json";
const TEMPLATE_KEY: &str = "chat_template";
/// What stands for an instruction, for the text before a picture and for that behind it; characters
/// of private use, which no template has.
const MARKS: [&str; 3] = ["\u{e000}a\u{e001}", "\u{e000}b\u{e001}", "\u{e000}c\u{e001}"];
/// Steps of one rendering; templates of chat models take a few thousand.
const STEPS_MAX: u64 = 1_000_000;

/// What a template puts around and between a user's parts, which stand side by side in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChatTemplate {
    pub(crate) before_instruction: String,
    pub(crate) before_parts: String,
    /// In the place of a picture.
    pub(crate) image: String,
    pub(crate) behind_parts: String,
}

impl ChatTemplate {
    /// Reads the folder's template; `tokenizer_settings` are those of `tokenizer_config.json`.
    pub(crate) fn load(
        folder: &mut Folder<'_>,
        tokenizer_settings: Option<&[u8]>,
        published: &Self,
    ) -> Result<Self, LoadError> {
        if let Some(source) = folder.optional_settings(TEMPLATE_FILE)? {
            let source = String::from_utf8(source);
            let unreadable = |error| refuse(TEMPLATE_FILE, "is not text").caused_by(error);
            return Self::of(TEMPLATE_FILE, &source.map_err(unreadable)?);
        }
        for (file, json) in [
            (TEMPLATE_JSON_FILE, folder.optional_settings(TEMPLATE_JSON_FILE)?),
            (TOKENIZER_SETTINGS_FILE, tokenizer_settings.map(<[u8]>::to_vec)),
        ] {
            let settings = json.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
            let template = settings.as_ref().and_then(|settings| settings.get(TEMPLATE_KEY));
            if let Some(source) = template.and_then(source_of) {
                return Self::of(file, source);
            }
        }
        Ok(published.clone())
    }

    /// Renders a template and takes the result apart.
    fn of(file: &str, source: &str) -> Result<Self, LoadError> {
        let [instruction, before, behind] = MARKS;
        let (text, image) =
            (|text: &str| json!({"type": "text", "text": text}), json!({"type": "image"}));
        let both = render(file, source, &[text(before), image.clone(), text(behind)])?;
        let cut = |text: &str, mark: &str| {
            let (front, rest) = text.split_once(mark)?;
            (!rest.contains(mark)).then(|| (front.to_owned(), rest.to_owned()))
        };
        let pieces = || {
            let (before_instruction, rest) = cut(&both, instruction)?;
            let (before_parts, rest) = cut(&rest, before)?;
            let (image, behind_parts) = cut(&rest, behind)?;
            Some(Self { before_instruction, before_parts, image, behind_parts })
        };
        let odd = || refuse(file, "does not put a user's parts side by side; it is not supported");
        let template = pieces().ok_or_else(odd)?;
        // Another order must give the same pieces, or what was taken apart is not all there is.
        let turned = render(file, source, &[image, text(before)])?;
        let Self { before_instruction, before_parts, image, behind_parts } = &template;
        let expected =
            [before_instruction, instruction, before_parts, image, before, behind_parts].concat();
        if turned == expected { Ok(template) } else { Err(odd()) }
    }
}

/// A template as text, or the default one of several.
fn source_of(template: &Value) -> Option<&str> {
    let named = |entry: &Value| entry.get("name").and_then(Value::as_str) == Some("default");
    match template {
        Value::Array(several) => {
            several.iter().find(|entry| named(entry))?.get("template").and_then(Value::as_str)
        }
        one => one.as_str(),
    }
}

fn render(file: &str, source: &str, parts: &[Value]) -> Result<String, LoadError> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(STEPS_MAX));
    let messages = json!([
        {"role": "system", "content": [{"type": "text", "text": MARKS[0]}]},
        {"role": "user", "content": parts},
    ]);
    let context = context! { messages => messages, add_generation_prompt => true };
    environment.render_str(source, context).map_err(|error| {
        refuse(file, "cannot be rendered; copy the model's own file").caused_by(error)
    })
}

fn refuse(file: &str, message: &str) -> LoadError {
    LoadError::new(LoadErrorKind::Config, file, message)
}

#[cfg(test)]
mod tests {
    use super::ChatTemplate;

    const SIMPLE: &str = "{% for m in messages %}[{{ m.role }}]{% for p in m.content %}\
        {% if p.type == 'image' %}<i>{% else %}{{ p.text }}{% endif %}{% endfor %};{% endfor %}\
        {% if add_generation_prompt %}[answer]{% endif %}";

    #[test]
    fn pieces_are_what_stands_around_the_parts() {
        let found = ChatTemplate::of("file", SIMPLE).unwrap();
        let expected = ChatTemplate {
            before_instruction: "[system]".into(),
            before_parts: ";[user]".into(),
            image: "<i>".into(),
            behind_parts: ";[answer]".into(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn templates_that_do_more_are_refused() {
        let rows = [
            ("numbers pictures", SIMPLE.replace("<i>", "<i{{ loop.index }}>")),
            ("says nothing", "{{ messages[0].role }}".to_owned()),
            ("repeats", format!("{SIMPLE}{SIMPLE}")),
            ("no template", "{% if %}".to_owned()),
            (
                "never ends",
                "{% for i in range(100000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}"
                    .to_owned(),
            ),
        ];
        let accepted: Vec<_> =
            rows.iter().filter(|(_, source)| ChatTemplate::of("file", source).is_ok()).collect();
        assert!(accepted.is_empty(), "{accepted:?}");
    }
}
