//! docs/API-COMPATIBILITY.md against the routes: every field of every served request stands there
//! as honoured, refused or without effect, and nothing stands there that is not served.

use std::collections::BTreeSet;

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/API-COMPATIBILITY.md");
/// The words that may stand in the column "what becomes of it".
const FATES: [&str; 3] = ["honoured", "refused", "no effect"];

fn openapi() -> Value {
    serde_json::to_value(onespace_server::router::openapi()).expect("the document is JSON")
}

/// Rows `| a | b | c | … |` of the table under the heading `## title`, cells trimmed.
fn table(title: &str) -> Vec<Vec<String>> {
    let heading = format!("## {title}\n");
    let (_, rest) = DOCUMENT.split_once(&heading).unwrap_or_else(|| panic!("no heading {title}"));
    let section = rest.split("\n## ").next().unwrap_or(rest);
    section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

fn code(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

/// `METHOD /path` of every operation.
fn operations(openapi: &Value) -> BTreeSet<String> {
    let paths = openapi["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().expect("operations").keys();
            methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_served_route_is_listed_and_no_other() {
    let listed: BTreeSet<String> =
        table("Routes").iter().map(|row| format!("{} {}", code(&row[0]), code(&row[1]))).collect();
    assert_eq!(listed, operations(&openapi()));
}

/// The members of the JSON object `schema`, with those of the objects in it.
fn members(openapi: &Value, schema: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a name");
        return members(openapi, &openapi["components"]["schemas"][name], prefix, found);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        for option in schema[choice].as_array().into_iter().flatten() {
            members(openapi, option, prefix, found);
        }
    }
    if schema["items"].is_object() {
        members(openapi, &schema["items"], &format!("{prefix}[]"), found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        found.insert(path.clone());
        members(openapi, member, &path, found);
    }
}

/// `METHOD /path field` of every member of every JSON body and every query parameter.
fn json_and_query_fields(openapi: &Value) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for (path, operations) in openapi["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let route = format!("{} {path}", method.to_uppercase());
            let mut members_found = BTreeSet::new();
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            members(openapi, body, "", &mut members_found);
            let query = operation["parameters"].as_array().into_iter().flatten();
            let query = query.filter(|parameter| parameter["in"] == "query");
            members_found.extend(
                query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)),
            );
            fields.extend(members_found.into_iter().map(|field| format!("{route} {field}")));
        }
    }
    fields
}

/// Rows of the fields table: route, field, fate.
fn listed_fields() -> Vec<(String, String, String)> {
    table("Fields").iter().map(|row| (code(&row[0]), code(&row[1]), row[2].clone())).collect()
}

#[test]
fn every_field_of_a_request_is_listed_with_its_fate() {
    let listed = listed_fields();
    let wrong: Vec<_> =
        listed.iter().filter(|(.., fate)| !FATES.contains(&fate.as_str())).collect();
    assert!(wrong.is_empty(), "unknown fates: {wrong:?}");
    let names: BTreeSet<String> =
        listed.iter().map(|(route, field, _)| format!("{route} {field}")).collect();
    let missing: Vec<_> = json_and_query_fields(&openapi())
        .into_iter()
        .filter(|field| !names.contains(field))
        .collect();
    assert!(missing.is_empty(), "not in docs/API-COMPATIBILITY.md:\n{}", missing.join("\n"));
}

/// Form fields are not in the OpenAPI schema; the routes' own lists are the source.
#[test]
fn every_form_field_is_listed() {
    let names: BTreeSet<String> =
        listed_fields().iter().map(|(route, field, _)| format!("{route} {field}")).collect();
    for (route, fields) in onespace_server::router::form_fields() {
        for field in fields {
            assert!(names.contains(&format!("{route} {field}")), "{route} {field} is not listed");
        }
    }
}

#[test]
fn nothing_is_listed_that_is_not_served() {
    let mut served = json_and_query_fields(&openapi());
    for (route, fields) in onespace_server::router::form_fields() {
        served.extend(fields.into_iter().map(|field| format!("{route} {field}")));
    }
    let stale: Vec<_> = listed_fields()
        .into_iter()
        .map(|(route, field, _)| format!("{route} {field}"))
        .filter(|field| !served.contains(field))
        .collect();
    assert!(stale.is_empty(), "listed but not served:\n{}", stale.join("\n"));
}
