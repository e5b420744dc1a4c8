//! What `*` stands for over joins that merge columns: the columns of one table after the other, with a merged one in the place that the left table has it.

use std::iter::once;

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Ident, ObjectName, ObjectNamePart, ReplaceSelectElement, ReplaceSelectItem, SelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::{Chain, Joined, Merged, Side, Unclear, find, merged, spell_out};
use crate::sql::known_as;

/// What `*` stands for.
pub(super) fn all(mut options: WildcardAdditionalOptions, chains: &[Chain]) -> Result<Vec<SelectItem>, Unclear> {
    let merged = merged(chains);
    let left_out = left_out(&options);
    let is_changed =
        options.opt_ilike.is_some() || options.opt_replace.is_some() || options.opt_rename.is_some() || options.opt_alias.is_some();
    let are_placed = left_out.iter().all(|name| find(name, &merged).is_some_and(|column| column.place.is_some()));
    if are_placed && !is_changed {
        let items: Option<Vec<_>> = chains.iter().map(|chain| chain.all_but(&left_out)).collect();
        if let Some(items) = items {
            return Ok(items.concat());
        }
    }
    // The engine takes the columns of one name for one where a single join merges them.
    let is_shared = merged.len() < chains.iter().map(|chain| chain.columns.len()).sum::<usize>();
    if is_shared || merged.iter().any(|column| column.is_repeated) || left_out.iter().any(|name| find(name, &merged).is_some()) {
        return Err(Unclear::All);
    }
    spell_out(&mut options, &merged);
    spell_out_among_all(&mut options, &merged);
    Ok(vec![SelectItem::Wildcard(options)])
}

impl Chain {
    /// What `*` stands for without these columns; `None` where the text does not tell.
    fn all_but(&self, left_out: &[Ident]) -> Option<Vec<SelectItem>> {
        if !self.is_told {
            return None;
        }
        let left_out: Vec<String> = left_out.iter().map(known_as).collect();
        let all_of = |(at, table): (usize, &Joined)| {
            let name = table.name.clone()?;
            let here: Vec<&Merged> = self.columns.iter().filter(|column| column.place == Some(at)).collect();
            let is_left_out = |column: &&Merged| left_out.contains(&known_as(&column.name));
            let hidden = table.hidden.iter().cloned().chain(here.iter().copied().filter(is_left_out).map(|column| known_as(&column.name)));
            let hidden: Vec<ObjectName> = hidden.map(|name| ObjectName::from(vec![Ident::new(name)])).collect();
            let shown = here.iter().copied().filter(|column| column.differs_from_first() && !is_left_out(column));
            let options = WildcardAdditionalOptions {
                opt_exclude: (!hidden.is_empty()).then_some(ExcludeSelectItem::Multiple(hidden)),
                opt_replace: replacing(shown),
                ..WildcardAdditionalOptions::default()
            };
            Some(SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(name)), options))
        };
        self.tables.iter().enumerate().map(all_of).collect()
    }
}

/// The columns that `*` is to leave out.
fn left_out(options: &WildcardAdditionalOptions) -> Vec<Ident> {
    let except = options.opt_except.iter().flat_map(|except| once(&except.first_element).chain(&except.additional_elements));
    let excluded: &[ObjectName] = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_ref(name),
        Some(ExcludeSelectItem::Multiple(names)) => names,
        None => &[],
    };
    except.chain(excluded.iter().filter_map(|name| name.0.last().and_then(ObjectNamePart::as_ident))).cloned().collect()
}

/// Has the `*` of a SELECT hold what merged columns stand for, where both sides may differ.
fn spell_out_among_all(options: &mut WildcardAdditionalOptions, merged: &[Merged]) {
    let replaced = options.opt_replace.as_ref().map(|replace| replace.items.as_slice()).unwrap_or_default();
    let is_replaced = |column: &Merged| replaced.iter().any(|item| known_as(&item.column_name) == known_as(&column.name));
    let differ = replacing(merged.iter().filter(|column| column.side != Side::Either && !is_replaced(column)));
    if let Some(differ) = differ {
        options.opt_replace.get_or_insert_with(|| ReplaceSelectItem { items: vec![] }).items.extend(differ.items);
    }
}

/// What stands in the place of merged columns within `*`.
fn replacing<'a>(columns: impl Iterator<Item = &'a Merged>) -> Option<ReplaceSelectItem> {
    let element = |column: &Merged| {
        let column_name = Ident::new(known_as(&column.name));
        Box::new(ReplaceSelectElement { expr: column.value.clone(), column_name, as_keyword: true })
    };
    let items: Vec<_> = columns.map(element).collect();
    (!items.is_empty()).then_some(ReplaceSelectItem { items })
}
