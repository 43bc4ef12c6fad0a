//! The console's modules as one script, and its style sheets as one: a first visit then costs three
//! requests beside each other instead of a chain of forty.
//!
//! This is no general bundler. It knows the two forms of `import` and the three of `export` that
//! the console's modules use, each on one line, and refuses everything else; a test bundles the very
//! files that are served. Each module becomes a function of its own, run at its first use, so names
//! stay apart and the order of the files does not matter. Imports hold the values of that moment: a
//! module may not export a variable that changes (`export let` is refused), or import in a circle.

use std::fmt::Write;

/// What gives a module by its path, once made.
const PREAMBLE: &str = "const modules = {}, made = {};\n\
     const use = (path) => made[path] ??= modules[path]();\n";

/// All `js/…` of `files` as one module that begins with `entry`.
///
/// # Errors
///
/// A line that is not understood, an import of a file that is not there, and a circle.
pub(super) fn script(files: &[(&str, &[u8])], entry: &str) -> Result<String, String> {
    let mut bundle = PREAMBLE.to_owned();
    let mut imports = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("js/")) {
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8"))?;
        let module = Module::of(path, text)?;
        bundle.push_str(&module.text);
        imports.push((*path, module.imports));
    }
    // A module may come once all that it imports have come.
    let mut waiting = imports;
    while !waiting.is_empty() {
        let unmade: Vec<&str> = waiting.iter().map(|(path, _)| *path).collect();
        let before = waiting.len();
        waiting.retain(|(_, needed)| needed.iter().any(|path| unmade.contains(&path.as_str())));
        if waiting.len() == before {
            return Err(format!("these import each other in a circle: {unmade:?}"));
        }
    }
    for path in imported(&bundle).chain([entry]) {
        if !files.iter().any(|(known, _)| *known == path) {
            return Err(format!("{path} is imported and not there"));
        }
    }
    let _ = writeln!(bundle, "use(\"{entry}\");");
    Ok(bundle)
}

/// All `css/…` of `files`, in their order.
pub(super) fn style_sheet(files: &[(&str, &[u8])]) -> String {
    let sheets = files.iter().filter(|(path, _)| path.starts_with("css/"));
    sheets.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect::<Vec<_>>().join("\n")
}

fn imported(bundle: &str) -> impl Iterator<Item = &str> {
    let uses = bundle.lines().filter_map(|line| line.strip_suffix("\");"));
    uses.filter_map(|line| line.split_once(" = use(\"")).map(|(_, path)| path)
}

/// A module as an entry of the bundle's table.
struct Module {
    text: String,
    imports: Vec<String>,
}

impl Module {
    fn of(path: &str, source: &str) -> Result<Self, String> {
        let mut text = format!("modules[\"{path}\"] = () => {{\n");
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        for line in source.lines() {
            let fault = || format!("{path}: `{line}` has a form that the bundle does not know");
            if line.starts_with("import ") {
                let (names, from) = import(line).ok_or_else(fault)?;
                let from = resolved(path, from).ok_or_else(fault)?;
                let _ = writeln!(text, "const {names} = use(\"{from}\");");
                imports.push(from);
            } else if let Some(declaration) = line.strip_prefix("export ") {
                exports.push(declared(declaration).ok_or_else(fault)?);
                text.push_str(declaration);
                text.push('\n');
            } else if line.contains("import(") {
                return Err(fault());
            } else {
                text.push_str(line);
                text.push('\n');
            }
        }
        let _ = writeln!(text, "return {{ {} }};\n}};", exports.join(", "));
        Ok(Self { text, imports })
    }
}

/// What an import binds, as the left side of a declaration, and where it comes from.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) =
        line.strip_prefix("import ")?.strip_suffix("\";")?.split_once(" from \"")?;
    if let Some(whole) = names.strip_prefix("* as ") {
        return is_name(whole).then_some((whole, from));
    }
    let inner = names.strip_prefix("{ ")?.strip_suffix(" }")?;
    inner.split(", ").all(is_name).then_some((names, from))
}

/// The name that an exported declaration declares.
fn declared(declaration: &str) -> Option<&str> {
    const FORMS: [&str; 4] = ["async function ", "function ", "const ", "class "];
    let rest = FORMS.iter().find_map(|form| declaration.strip_prefix(form))?;
    let name = rest.split(|character: char| !is_of_name(character)).next()?;
    is_name(name).then_some(name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_of_name)
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The path that `from` means in the module at `path`.
fn resolved(path: &str, from: &str) -> Option<String> {
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    let rest = match from.strip_prefix("./") {
        Some(rest) => rest,
        None => {
            folders.pop()?;
            from.strip_prefix("../")?
        }
    };
    folders.extend(rest.split('/'));
    (!folders.contains(&"..")).then(|| folders.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Result<String, String> {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        script(&files, "js/main.js")
    }

    #[test]
    fn modules_become_functions_that_give_what_they_export() {
        let bundle = of(&[
            (
                "js/main.js",
                "import { a } from \"./b/c.js\";\nimport * as c from \"./b/c.js\";\na(c);",
            ),
            ("js/b/c.js", "import { d } from \"../d.js\";\nexport const a = (x) => d + x;"),
            ("js/d.js", "export async function d() {}\nexport class E {}"),
        ]);
        let bundle = bundle.unwrap();
        assert!(
            bundle.contains("const { a } = use(\"js/b/c.js\");\nconst c = use(\"js/b/c.js\");")
        );
        assert!(
            bundle.contains(
                "const { d } = use(\"js/d.js\");\nconst a = (x) => d + x;\nreturn { a };"
            )
        );
        assert!(bundle.contains("return { d, E };"));
        assert!(bundle.ends_with("use(\"js/main.js\");\n"));
    }

    #[test]
    fn what_would_change_its_meaning_is_refused() {
        let d = ("js/d.js", "export const d = 1;");
        for line in [
            "import d from \"./d.js\";",
            "import { d as e } from \"./d.js\";",
            "import \"./d.js\";",
            "import { d } from './d.js';",
            "import { d } from \"https://example.com/d.js\";",
            "import { d } from \"../../d.js\";",
            "import { d } from \"./nothing.js\";",
            "import { d,",
            "const d = await import(\"./d.js\");",
            "export let e = 1;",
            "export default 1;",
            "export { d };",
            "export * from \"./d.js\";",
        ] {
            assert!(of(&[("js/main.js", line), d]).is_err(), "{line}");
        }
        let circle = [
            ("js/main.js", "import { d } from \"./d.js\";"),
            ("js/d.js", "import { e } from \"./e.js\";"),
            ("js/e.js", "import { d } from \"./d.js\";"),
        ];
        assert!(of(&circle).unwrap_err().contains("circle"));
    }
}
