//! The targets of a project, behind the port that the other rooms ask.

use std::path::Path;

use hw_base::{
    BoxFuture, Built, Column, Error, Placement, PushDown, Pushed, Result, Settings, Shipment, Shipped, Targets, Watched, unknown,
};
use hw_engine::LocalEngine;

use crate::connectors::{CONNECTORS, Connector, Place, Secrets, Target, placed_secrets};

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
            let place = Place { source: name.clone(), root: root.to_owned(), secrets: placed_secrets(secrets, settings) };
            match target(settings, place) {
                Ok(target) => read.push((name.clone(), target)),
                Err(error) => errors.push(error),
            }
        }
        Error::all(errors).map_or(Ok(Self { targets: read, engine }), Err)
    }

    fn target(&self, placement: &Placement) -> Result<&dyn Target> {
        let name = &placement.target;
        let known = || self.targets.iter().map(|(name, _)| name.as_str());
        let found = self.targets.iter().find(|(known, _)| known == name);
        found.map(|(_, target)| target.as_ref()).ok_or_else(|| unknown("target", name, known()).code("HW104"))
    }
}

impl Targets for ProjectTargets {
    fn deliver<'a>(&'a self, shipment: &'a Shipment) -> BoxFuture<'a, Result<Option<Shipped>>> {
        Box::pin(async { self.target(&shipment.placement)?.deliver(shipment, &self.engine).await })
    }

    fn takes<'a>(&'a self, placement: &'a Placement, columns: &'a [Column]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { self.target(placement)?.takes(placement, columns).await })
    }

    fn try_push_down<'a>(&'a self, order: &'a PushDown) -> BoxFuture<'a, Result<Watched>> {
        Box::pin(async { self.target(&order.placement)?.try_push_down(order, self.engine.live()).await })
    }

    fn push_down<'a>(&'a self, order: &'a PushDown) -> BoxFuture<'a, Result<Box<dyn Pushed>>> {
        Box::pin(async { self.target(&order.placement)?.push_down(order, self.engine.live()).await })
    }

    fn built<'a>(&'a self, placement: &'a Placement) -> BoxFuture<'a, Result<Option<Built>>> {
        Box::pin(async { self.target(placement)?.built(placement).await })
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
