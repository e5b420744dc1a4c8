//! The targets of a project, behind the port that the other rooms ask.

use std::path::Path;

use hw_base::{BoxFuture, Error, Result, Settings, Shipment, Shipped, Targets, unknown};
use hw_engine::LocalEngine;

use crate::connectors::{CONNECTORS, Connector, Place, Secrets, Target};

/// The databases that a project names under `targets:`.
pub struct ProjectTargets {
    targets: Vec<(String, Box<dyn Target>)>,
    engine: LocalEngine,
}

impl ProjectTargets {
    /// Reads the targets of a project, each a name and its settings `{ postgres: { … } }`. Nothing is opened yet; `engine` reads what is
    /// delivered.
    ///
    /// # Errors
    /// All problems found, each with its place.
    pub fn new(root: &Path, targets: &[(String, Settings)], engine: LocalEngine, secrets: &Secrets) -> Result<Self> {
        let (mut read, mut errors) = (Vec::new(), Vec::new());
        for (name, settings) in targets {
            let place = Place { source: name.clone(), root: root.to_owned(), secrets: Secrets::clone(secrets) };
            match target(settings, place) {
                Ok(target) => read.push((name.clone(), target)),
                Err(error) => errors.push(error),
            }
        }
        Error::all(errors).map_or(Ok(Self { targets: read, engine }), Err)
    }

    async fn bring(&self, shipment: &Shipment) -> Result<Option<Shipped>> {
        let name = &shipment.placement.target;
        let known = || self.targets.iter().map(|(name, _)| name.as_str());
        let found = self.targets.iter().find(|(known, _)| known == name);
        let (_, target) = found.ok_or_else(|| unknown("target", name, known()).code("HW104"))?;
        target.deliver(shipment, &self.engine).await
    }
}

impl Targets for ProjectTargets {
    fn deliver<'a>(&'a self, shipment: &'a Shipment) -> BoxFuture<'a, Result<Option<Shipped>>> {
        Box::pin(self.bring(shipment))
    }
}

/// Reads `{ kind: { … } }`.
fn target(settings: &Settings, place: Place) -> Result<Box<dyn Target>> {
    let name = place.source.clone();
    let kinds: Vec<&str> = CONNECTORS.iter().filter(|connector| is_target(**connector)).map(|connector| connector.kind()).collect();
    let [entry] = settings.entries() else {
        let error = Error::user(format!("the target `{name}` must name one kind"));
        return Err(error.code("HW104").help(format!("write one of {}", kinds.join(", "))).moved_to(settings.span.clone()));
    };
    let connector = CONNECTORS.iter().find(|connector| connector.kind() == entry.key);
    let read = connector.and_then(|connector| connector.target(&entry.value, place));
    read.unwrap_or_else(|| Err(unknown("kind of target", &entry.key, kinds).code("HW102").moved_to(entry.key_span.clone())))
}

/// Whether tables can be delivered to places of this kind.
fn is_target(connector: &dyn Connector) -> bool {
    connector.target_schema(&mut schemars::SchemaGenerator::default()).is_some()
}
