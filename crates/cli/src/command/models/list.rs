//! `models list`: what is here, and what could be pulled by a short name.

use std::path::Path;

use indicatif::DecimalBytes;
use onespace_hub::known::{self, KnownModel, Support};
use onespace_hub::licence::Licence;
use onespace_hub::models_dir::{LocalModel, LocalState, bytes_below};
use onespace_hub::{ModelsDir, SourceRecord};
use serde::Serialize;
use serde_json::json;

use super::outline::Outline;
use crate::arguments::ModelsDirArguments;
use crate::failure::Failure;
use crate::loaded_models;
use crate::output::{say, say_json, table};

/// A model that is here.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// Bytes of its files; of an unfinished pull, those that have arrived.
    bytes: u64,
    licence: String,
    dimensions: Vec<usize>,
    /// `ok`, `incomplete`, or what is wrong.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
}

pub(super) fn local(dir: &ModelsDirArguments, as_json: bool) -> Result<(), Failure> {
    let models = ModelsDir::new(dir.models_dir.clone());
    let mut rows = vec![embedded()?];
    rows.extend(models.entries().iter().map(row));
    if as_json {
        return rows.iter().try_for_each(say_json);
    }
    let cells: Vec<_> = rows.iter().map(cells).collect();
    table(&["MODEL", "SIZE", "DIMENSIONS", "STATE", "LICENCE"], &cells)
        .iter()
        .for_each(|line| say(line));
    Ok(())
}

fn cells(row: &Row) -> Vec<String> {
    let dimensions: Vec<_> = row.dimensions.iter().map(usize::to_string).collect();
    vec![
        row.name.clone(),
        DecimalBytes(row.bytes).to_string(),
        dimensions.join(", "),
        row.state.clone(),
        row.licence.clone(),
    ]
}

fn embedded() -> Result<Row, Failure> {
    let model = loaded_models::embedded(None)?;
    let description = model.description();
    Ok(Row {
        name: description.name.clone(),
        bytes: onespace_models::embedded::BYTES,
        licence: loaded_models::EMBEDDED_LICENCE.to_owned(),
        dimensions: description.dimensions.clone(),
        state: "ok, embedded".to_owned(),
        revision: Some(description.revision.clone()),
        folder: None,
    })
}

fn row(model: &LocalModel) -> Row {
    let folder = Some(model.path.display().to_string());
    if let LocalState::Incomplete { arrived_bytes } = model.state {
        return Row {
            name: model.name.clone(),
            bytes: arrived_bytes,
            licence: String::new(),
            dimensions: Vec::new(),
            state: "incomplete: pull it again".to_owned(),
            revision: None,
            folder,
        };
    }
    let record = SourceRecord::read(&model.path);
    let outline = Outline::read(&model.path);
    let state = match &outline {
        Some(outline) if outline.is_loadable => recorded_state(record.as_ref(), &model.path),
        Some(outline) => format!("not loadable yet: {}", outline.architecture),
        None => "config.json names no architecture".to_owned(),
    };
    Row {
        name: model.name.clone(),
        bytes: bytes_below(&model.path),
        licence: Licence::find(&model.path).line(),
        dimensions: outline.map(|outline| outline.dimensions).unwrap_or_default(),
        state,
        revision: record.map(|record| record.commit),
        folder,
    }
}

/// Whether what the pull recorded is still there, by name and size; `verify` looks at every byte.
fn recorded_state(record: Option<&SourceRecord>, folder: &Path) -> String {
    let files = record.map_or([].as_slice(), |record| record.files.as_slice());
    let changed = files.iter().find(|file| {
        let found = std::fs::metadata(folder.join(&file.path));
        found.map_or(true, |found| found.len() != file.bytes)
    });
    changed.map_or_else(|| "ok".to_owned(), |file| format!("{} was changed", file.path))
}

/// The models with short names.
pub(super) fn known(as_json: bool) -> Result<(), Failure> {
    if as_json {
        return known::MODELS.iter().try_for_each(|model| say_json(&known_json(model)));
    }
    let rows: Vec<_> = known::MODELS.iter().map(known_cells).collect();
    let heading =
        ["NAME", "LOADABLE", "DOWNLOAD", "DIMENSIONS", "FUSION", "LICENCE", "REPOSITORY", "NOTE"];
    table(&heading, &rows).iter().for_each(|line| say(line));
    Ok(())
}

fn is_loadable(model: &KnownModel) -> bool {
    model.support == Support::Loadable
}

fn known_cells(model: &KnownModel) -> Vec<String> {
    let size = model.download_mb.map(|mb| DecimalBytes(u64::from(mb) * 1_000_000).to_string());
    let cells = [
        model.alias,
        if is_loadable(model) { "yes" } else { "not yet" },
        size.as_deref().unwrap_or("?"),
        model.dimensions,
        model.fusion,
        model.licence_expected,
        model.repository,
        model.note,
    ];
    cells.map(str::to_owned).to_vec()
}

fn known_json(model: &KnownModel) -> serde_json::Value {
    json!({
        "name": model.alias,
        "repository": model.repository,
        "loadable": is_loadable(model),
        "download_mb": model.download_mb,
        "parameters": model.parameters,
        "dimensions": model.dimensions,
        "modalities": model.modalities,
        "fusion": model.fusion,
        "licence_expected": model.licence_expected,
        "note": model.note,
    })
}
