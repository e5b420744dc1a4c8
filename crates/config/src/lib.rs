//! Reading a project: YAML with the place of every node, secret references, and errors shown with
//! the line they speak of.
//!
//! What a section means is not known here: the rooms read their own sections from the trees that
//! this room hands out. No value of a secret is ever printed, stored or serialized.

mod project;
mod redact;
mod render;
mod secret;
mod yaml;

pub use project::{ContractFile, ModelFile, PROJECT_FILE, ProjectFiles, RulesFile, TestFile, project_files, test_files};
pub use redact::{redact, redact_url};
pub use render::render;
pub use secret::{Secret, has_reference, resolve};
pub use yaml::{parse_yaml, read_text, read_yaml};
