//! `headworks schema`: the JSON Schema of the project files, for editors.

use clap::{ArgMatches, Args, Command as Clap, ValueEnum};
use hw_base::{BoxFuture, Result, TimeSpan};
use hw_connect::{CONNECTORS, Connector};
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
        File::Project => project_schema(&mut generator),
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

fn project_schema(generator: &mut SchemaGenerator) -> Json {
    let mut schema = generator.root_schema_for::<ProjectSettings>().to_value();
    let sources: Vec<Json> = CONNECTORS.iter().map(|connector| source_schema(*connector, generator)).collect();
    let targets: Vec<Json> = CONNECTORS.iter().filter_map(|connector| target_schema(*connector, generator)).collect();
    schema["properties"]["sources"] = by_name("Where the data comes from.", &sources);
    schema["properties"]["warehouse"] = hw_connect::warehouse_schema(generator).to_value();
    schema["properties"]["targets"] = by_name("Databases that tables are delivered to.", &targets);
    schema
}

/// Settings under names of the user's own, each of one of these kinds.
fn by_name(description: &str, kinds: &[Json]) -> Json {
    json!({ "type": "object", "description": description, "additionalProperties": { "oneOf": kinds } })
}

fn source_schema(connector: &dyn Connector, generator: &mut SchemaGenerator) -> Json {
    let settings = connector.schema(generator).to_value();
    let timeout = generator.subschema_for::<TimeSpan>().to_value();
    of_kind(connector.kind(), &json!({ connector.kind(): settings, "timeout": timeout }))
}

fn target_schema(connector: &dyn Connector, generator: &mut SchemaGenerator) -> Option<Json> {
    let settings = connector.target_schema(generator)?.to_value();
    Some(of_kind(connector.kind(), &json!({ connector.kind(): settings })))
}

/// A place that the key `kind` tells from those of other kinds.
fn of_kind(kind: &str, properties: &Json) -> Json {
    json!({ "type": "object", "properties": properties, "required": [kind], "additionalProperties": false })
}
