//! `headworks schema`: the JSON Schema of the project files, for editors.

use clap::{ArgMatches, Args, Command as Clap, ValueEnum};
use hw_base::{BoxFuture, Result, TimeSpan};
use hw_connect::CONNECTORS;
use hw_pipeline::{ModelSettings, ProjectSettings};
use hw_validate::rules_schema;
use schemars::SchemaGenerator;
use serde_json::{Value as Json, json};

use super::{Command, described, read};
use crate::terminal::Terminal;

/// The command.
pub(crate) struct Schema;

/// A kind of project file.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum File {
    /// `headworks.yaml`
    #[default]
    Project,
    /// `models/*.yaml`
    Model,
    /// `rules/*.yaml`
    Rules,
    /// `tests/*.yaml`
    Test,
}

#[derive(Args)]
struct Arguments {
    /// Which file
    #[arg(value_enum, default_value_t)]
    file: File,
}

impl Command for Schema {
    fn arguments(&self) -> Clap {
        described::<Arguments>(
            "schema",
            "Print the JSON Schema of a project file, for editors",
            "Examples:\n  headworks schema > headworks.schema.json\n  headworks schema model",
        )
    }

    fn run<'a>(&'a self, matches: &'a ArgMatches, terminal: &'a Terminal) -> BoxFuture<'a, Result<u8>> {
        Box::pin(async move {
            let arguments: Arguments = read(matches)?;
            terminal.json(&schema(arguments.file))?;
            Ok(0)
        })
    }
}

fn schema(file: File) -> Json {
    let mut generator = SchemaGenerator::default();
    let mut schema = match file {
        File::Project => {
            let mut schema = generator.root_schema_for::<ProjectSettings>().to_value();
            let kinds: Vec<Json> = CONNECTORS
                .iter()
                .map(|connector| {
                    let settings = connector.schema(&mut generator).to_value();
                    let timeout = generator.subschema_for::<TimeSpan>().to_value();
                    json!({ "type": "object", "properties": { connector.kind(): settings, "timeout": timeout }, "required": [connector.kind()], "additionalProperties": false })
                })
                .collect();
            schema["properties"]["sources"] =
                json!({ "type": "object", "description": "Where the data comes from.", "additionalProperties": { "oneOf": kinds } });
            let targets: Vec<Json> = CONNECTORS
                .iter()
                .filter_map(|connector| {
                    let settings = connector.target_schema(&mut generator)?.to_value();
                    Some(json!({ "type": "object", "properties": { connector.kind(): settings }, "required": [connector.kind()], "additionalProperties": false }))
                })
                .collect();
            schema["properties"]["warehouse"] = hw_connect::warehouse_schema(&mut generator).to_value();
            schema["properties"]["targets"] = json!({ "type": "object", "description": "Databases that tables are delivered to.", "additionalProperties": { "oneOf": targets } });
            schema
        }
        File::Model => {
            let mut schema = generator.root_schema_for::<ModelSettings>().to_value();
            schema["properties"]["rules"] = rules_schema(&mut generator).to_value();
            schema
        }
        File::Test => hw_pipeline::unit::tests_schema(),
        File::Rules => {
            let rules = rules_schema(&mut generator).to_value();
            json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
                "properties": { "description": { "type": "string" }, "contract": { "type": "string" }, "rules": rules } })
        }
    };
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        let known = schema.get("$defs").cloned().unwrap_or_else(|| json!({}));
        let mut all = known.as_object().cloned().unwrap_or_default();
        all.extend(definitions);
        schema["$defs"] = Json::Object(all);
    }
    schema
}
