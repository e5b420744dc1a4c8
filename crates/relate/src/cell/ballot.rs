//! Ballots: the dependencies that may vote, and how far each is trusted.

use std::collections::{BTreeMap, HashSet};

use hw_base::TextShape;

use super::profile::Profile;
use crate::agreement::{Counter, Extent, agreements, sameness};
use crate::columns::{Column, groups};
use crate::parallel;
use crate::words::words;
use crate::{Dependencies, Keys};

/// A dependency that votes.
#[derive(Clone, Debug)]
pub(super) struct Ballot {
    pub(super) determinant: Vec<usize>,
    pub(super) dependent: usize,
    /// How far it is a rule of the data, 0 to 1.
    pub(super) trust: f64,
    /// The share of the supported rows with a value that contradict it.
    pub(super) doubt: f64,
    /// A value that stands for nothing in a column of quantities, such as 0: it is never what a quantity should have been.
    pub(super) filler: Option<u32>,
    /// The column that names the source, where the rows of a group are what several sources say of one thing.
    pub(super) source: Option<usize>,
    /// Whether the dependent is the finer one of the two and decides the determinant in all rows: the determinant sums its values up.
    pub(super) is_rolled_up: bool,
    /// Of the rows of a group that contradict it and agree with each other on the usual value of another group, the share that would do so by chance.
    pub(super) agreeing_by_chance: f64,
}

/// At most this many dependencies vote on one column; further ones repeat what these say.
const MOST_BALLOTS: usize = 8;
/// Tables with more columns than this vote by the dependencies that were found, without a search of their own.
const MOST_COLUMNS: usize = 60;
/// Fewer groups with a contradiction do not show where contradictions lie.
const FEW_GROUPS: f64 = 5.0;
/// A dependency is clear, however few values are told of, where no more than the first share of the rows contradicts it, it is at least so
/// strong, at least so many of the rows are in groups that nearly agree, and what contradicts falls on the groups as errors do.
const CLEAR: (f64, f64, f64, f64) = (0.15, 0.6, 0.9, 0.75);
/// Of the values that contradict, as many at least must be those of another group: what is found in one group alone is an exception to what is no
/// rule.
const MISPLACED: f64 = 0.7;
/// The share of a group that may contradict it where it nearly agrees; rows of a group, and groups, that are large enough to show that.
const DISSENT: f64 = 0.3;
const LARGE: f64 = 5.0;
const LEAST_LARGE: f64 = 8.0;
/// Only of a dependency that no more of the rows contradict it is told what agrees by chance: weaker ones have exceptions of all kinds.
const STRICT: f64 = 0.05;
/// Days name things where they recur: of so many rows each on average. So many of the rows may contradict them, and so strong they must be at
/// least: what happens on one day is often alike and seldom one.
const ROWS_PER_DAY: f64 = 10.0;
const BY_DAY: (f64, f64) = (0.06, 0.8);
/// Cells that the search for weak dependencies may read.
const LOOKS: u64 = 20_000_000;

/// The dependencies that vote: those that were found, and of single columns those that errors have weakened below what
/// would be told as a dependency, and those of things that several sources tell of.
pub(super) fn ballots(profiles: &[Profile<'_>], keys: &Keys, dependencies: &Dependencies) -> Vec<Ballot> {
    let mut candidates: Vec<(Vec<usize>, usize)> = Vec::new();
    for dependency in dependencies.dependencies.iter().filter(|dependency| dependency.score >= 0.2) {
        candidates.push((dependency.determinant.clone(), dependency.dependent));
    }
    candidates.extend(weak(profiles));
    let mut seen = HashSet::new();
    candidates.retain(|(determinant, dependent)| {
        let is_new = seen.insert((determinant.clone(), *dependent));
        is_new && (1..3).contains(&determinant.len()) && can_determine(profiles, determinant)
    });
    let measured = parallel::map(&candidates, |(determinant, dependent)| {
        Measured::of(profiles, determinant, *dependent).ballot(profiles, determinant.clone(), *dependent)
    });
    let mut ballots: Vec<Ballot> = measured.into_iter().flatten().collect();
    ballots.sort_by(|a, b| b.trust.total_cmp(&a.trust).then_with(|| (&a.determinant, a.dependent).cmp(&(&b.determinant, b.dependent))));
    let mut per_column: BTreeMap<usize, usize> = BTreeMap::new();
    ballots.retain(|ballot| {
        let count = per_column.entry(ballot.dependent).or_default();
        *count += 1;
        *count <= MOST_BALLOTS
    });
    let of_sources = sources(profiles, keys);
    ballots.retain(|ballot| !of_sources.iter().any(|other| other.dependent == ballot.dependent));
    ballots.extend(of_sources);
    ballots
}

/// Pairs of columns that have to do with each other at all.
fn weak(profiles: &[Profile<'_>]) -> Vec<(Vec<usize>, usize)> {
    if profiles.len() > MOST_COLUMNS {
        return Vec::new();
    }
    let columns: Vec<&Column<'_>> = profiles.iter().map(|profile| profile.column).collect();
    let looks = LOOKS / (columns.len() as u64).pow(2).max(1);
    let determinants: Vec<usize> = (0..columns.len()).filter(|at| can_determine(profiles, &[*at])).collect();
    let related = parallel::map(&determinants, |at| {
        let others: Vec<usize> = (0..columns.len()).filter(|other| other != at && columns[*other].values() > 1).collect();
        let targets: Vec<&Column<'_>> = others.iter().map(|other| columns[*other]).collect();
        let agreements = agreements(&[columns[*at]], &targets, Extent::About(looks), u64::MAX);
        let related = others.into_iter().zip(agreements).filter(|(other, agreement)| {
            let contradicted = agreement.violations as f64 / agreement.support.max(1) as f64;
            agreement.violations > 0 && contradicted < 0.6 && agreement.strength(sameness(columns[*other])) > 0.15
        });
        related.map(|(other, _)| (vec![*at], other)).collect::<Vec<_>>()
    });
    related.concat()
}

/// Whether columns can decide others: they name things, or are one of days that recur, as those of terms and sessions do.
fn can_determine(profiles: &[Profile<'_>], determinant: &[usize]) -> bool {
    can_name(profiles, determinant) || matches!(determinant, [only] if is_of_recurring_days(&profiles[*only]))
}

/// Whether columns can name a thing: measures, dates and times of day do not.
fn can_name(profiles: &[Profile<'_>], determinant: &[usize]) -> bool {
    determinant.iter().all(|at| !is_measure(&profiles[*at]))
}

fn is_measure(profile: &Profile<'_>) -> bool {
    profile.dated > 0.5 || is_of_times(profile) || is_plain_number(profile)
}

/// Whether values are times of a day, or moments that tell one.
fn is_of_times(profile: &Profile<'_>) -> bool {
    let values = &profile.column.coded.values;
    let times = values.iter().take(500).filter(|value| value.contains(':') && value.starts_with(|c: char| c.is_ascii_digit())).count();
    times * 2 > values.len().min(500)
}

fn is_of_recurring_days(profile: &Profile<'_>) -> bool {
    profile.dated > 0.5 && !is_of_times(profile) && profile.variety() * ROWS_PER_DAY <= 1.0
}

/// Whether each value of `dependent` is found with one value of `determinant` alone, and more of its values recur: it is the finer one, as races are
/// where another column tells `White` and `Non-white`. A rare one among those that are summed up contradicts nothing.
fn is_rolled_up(profiles: &[Profile<'_>], determinant: &[usize], dependent: usize) -> bool {
    let [only] = *determinant else { return false };
    let (coarse, fine) = (&profiles[only], &profiles[dependent]);
    let recurring = |profile: &Profile<'_>| profile.column.counts[1..].iter().filter(|count| **count > 1).count();
    if recurring(fine) <= recurring(coarse) {
        return false;
    }
    let mut homes = vec![0; fine.column.counts.len()];
    let rows = coarse.column.coded.codes.iter().zip(&fine.column.coded.codes);
    rows.filter(|(group, value)| coarse.names(**group) && fine.names(**value)).all(|(group, value)| {
        let home = &mut homes[*value as usize];
        if *home == 0 {
            *home = *group;
        }
        *home == *group
    })
}

fn is_plain_number(profile: &Profile<'_>) -> bool {
    profile.quantities > 0.9 && !is_code(profile)
}

/// Whether numbers are names of things: by the column's name, or because all have the same number of digits, four or more.
pub(super) fn is_code(profile: &Profile<'_>) -> bool {
    const CODES: &[&str] = &[
        "id",
        "key",
        "code",
        "no",
        "nr",
        "num",
        "number",
        "zip",
        "zipcode",
        "postcode",
        "postal",
        "plz",
        "phone",
        "tel",
        "fax",
        "sku",
        "isbn",
        "issn",
        "ean",
        "upc",
        "fips",
        "iso",
        "npi",
        "ssn",
        "account",
        "ref",
        "identifier",
    ];
    let words = words(&profile.column.coded.name);
    let is_named =
        words.iter().any(|word| CODES.contains(&word.as_str()) || (word.len() > 3 && (word.ends_with("id") || word.ends_with("code"))));
    is_named || is_of_one_length(profile)
}

/// Whether nearly all numbers are whole and have the same number of digits, four or more, and are no years. A column of measures may hold a
/// few whole numbers that happen to be equally long.
fn is_of_one_length(profile: &Profile<'_>) -> bool {
    let rows_of = |shape: TextShape| -> f64 {
        profile.column.counted().filter(|(code, ..)| profile.shape(*code) == shape).map(|(_, _, count)| f64::from(count)).sum()
    };
    if rows_of(TextShape::Decimal) > 0.05 * profile.rows {
        return false;
    }
    let numbers = profile.column.counted().filter(|(code, ..)| profile.shape(*code) == TextShape::Integer);
    let mut lengths =
        numbers.map(|(_, value, _)| (value.trim().len(), value.trim().parse::<u32>().is_ok_and(|year| (1700..2200).contains(&year))));
    let first = lengths.next();
    first.is_some_and(|(length, is_year)| length >= 4 && !is_year && lengths.all(|(other, is_year)| other == length && !is_year))
}

/// How far a determinant tells a dependent, missing values of both left out.
#[derive(Clone, Debug, Default)]
struct Measured {
    rows: f64,
    purity: f64,
    sameness: f64,
    contradicting: f64,
    /// Rows and contradicting rows of each group.
    groups: Vec<(f64, f64)>,
    /// Of the rows that contradict, the share of those whose value is the usual one of another group.
    misplaced: f64,
    /// How often several rows of a group contradict it by the same usual value of another group.
    agreeing: f64,
    ends: Ends,
}

/// Where in their groups contradictions lie, over the groups of three rows and more that have some.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    groups: f64,
    /// Groups in which the rows that contradict are the first or the last ones.
    at_an_end: f64,
    /// How many of these there would be by chance, and the variance of that.
    by_chance: f64,
    variance: f64,
}

impl Ends {
    fn add(&mut self, is_at_an_end: bool, chance: f64) {
        self.groups += 1.0;
        self.at_an_end += f64::from(u8::from(is_at_an_end));
        self.by_chance += chance;
        self.variance += chance * (1.0 - chance);
    }

    /// Whether contradictions gather in the first or the last rows of their groups, three deviations beyond chance: what is told of a thing
    /// changes with time, and errors do not wait for its end.
    fn show_change(&self) -> bool {
        self.groups >= FEW_GROUPS && self.at_an_end >= 0.5 * self.groups && self.at_an_end - self.by_chance >= 3.0 * self.variance.sqrt()
    }
}

impl Measured {
    fn of(profiles: &[Profile<'_>], determinant: &[usize], dependent: usize) -> Self {
        let keys: Vec<&Column<'_>> = determinant.iter().map(|at| profiles[*at].column).collect();
        let column = profiles[dependent].column;
        let sameness = column.counts[1..].iter().map(|count| (f64::from(*count) / profiles[dependent].rows.max(1.0)).powi(2)).sum();
        let mut measured = Self { sameness, ..Self::default() };
        let mut counter = Counter::of(column);
        let mut usual = vec![false; column.counts.len()];
        let mut unusual: Vec<(u32, u32)> = Vec::new();
        groups(&keys, u64::MAX, |group| {
            if determinant.iter().all(|at| profiles[*at].names(profiles[*at].column.code(group[0]))) {
                let told: Vec<u32> = group.iter().map(|row| column.code(*row)).filter(|code| *code != 0).collect();
                let (top, squares) = counter.count(told.iter().copied());
                let size = told.len() as f64;
                if size > 1.0 {
                    measured.rows += size;
                    measured.contradicting += size - f64::from(top);
                    measured.purity += squares / size;
                    measured.groups.push((size, size - f64::from(top)));
                    let ranked = if f64::from(top) < size { counter.ranked(told.iter().copied()) } else { vec![(told[0], top)] };
                    usual[ranked[0].0 as usize] = true;
                    unusual.extend(&ranked[1..]);
                    if f64::from(top) < size && size > 2.0 {
                        measured.look_at_ends(&told, ranked[0].0);
                    }
                }
            }
            true
        });
        let misplaced = unusual.iter().filter(|(code, _)| usual[*code as usize]).map(|(_, count)| f64::from(*count)).sum::<f64>();
        measured.misplaced = misplaced / measured.contradicting.max(1.0);
        measured.agreeing = unusual.iter().filter(|(code, count)| *count > 1 && usual[*code as usize]).count() as f64;
        measured
    }

    /// Counts a group, with what its rows tell in the order of the rows, and what most of them tell.
    fn look_at_ends(&mut self, told: &[u32], usual: u32) {
        let agrees = |code: &&u32| **code == usual;
        let others = told.iter().filter(|code| **code != usual).count();
        let agreeing = told.len() - others;
        let is_at_an_end = told.iter().take_while(agrees).count() == agreeing || told.iter().rev().take_while(agrees).count() == agreeing;
        let ways: f64 = (0..others).map(|at| (told.len() - at) as f64 / (at + 1) as f64).product();
        self.ends.add(is_at_an_end, (2.0 / ways).min(1.0));
    }

    /// The measure μ⁺ over the supported rows.
    fn strength(&self) -> f64 {
        let groups = self.groups.len() as f64;
        if self.rows <= groups || self.sameness >= 1.0 {
            return 0.0;
        }
        let doubt = (1.0 - self.purity / self.rows) / (1.0 - self.sameness) * (self.rows - 1.0) / (self.rows - groups);
        (1.0 - doubt).clamp(0.0, 1.0)
    }

    fn contradicted(&self) -> f64 {
        self.contradicting / self.rows.max(1.0)
    }

    /// Groups with a contradiction, over those to expect if contradictions fell on rows at random. Errors fall at random;
    /// exceptions to what is no rule gather in some groups, and there is far less than one.
    fn dispersal(&self) -> f64 {
        let share = self.contradicted();
        let expected: f64 = self.groups.iter().map(|(size, _)| 1.0 - (1.0 - share).powf(size - 1.0)).sum();
        let seen = self.groups.iter().filter(|(_, contradicting)| *contradicting > 0.0).count() as f64;
        if expected <= 0.0 { 1.0 } else { seen / expected }
    }

    /// How often rows of a group would agree on another value if what contradicts fell on rows at random and were drawn from all values, over how often
    /// they do; at most 1. Errors agree by chance; the rows of another thing of the same name, as of Washington in Iowa, do so without.
    fn agreeing_by_chance(&self) -> f64 {
        let share = self.contradicted();
        if share > STRICT || self.agreeing == 0.0 {
            return 1.0;
        }
        let expected: f64 = self.groups.iter().map(|(size, _)| (size * share).powi(2) * self.sameness / 2.0).sum();
        (expected / self.agreeing).min(1.0)
    }

    /// The share of the rows, in groups that are large enough to show it, whose group nearly agrees; 0 where these are few.
    fn clarity(&self) -> f64 {
        let large: Vec<&(f64, f64)> = self.groups.iter().filter(|(size, _)| *size >= LARGE).collect();
        let rows = |groups: &[&(f64, f64)]| groups.iter().map(|(size, _)| size).sum::<f64>();
        let clear: Vec<&(f64, f64)> = large.iter().copied().filter(|(size, contradicting)| *contradicting <= DISSENT * size).collect();
        let are_many = large.len() as f64 >= LEAST_LARGE && rows(&large) >= 0.5 * self.rows;
        if are_many { rows(&clear) / rows(&large) } else { 0.0 }
    }

    /// The ballot, where the dependency is rule enough to vote.
    fn ballot(&self, profiles: &[Profile<'_>], determinant: Vec<usize>, dependent: usize) -> Option<Ballot> {
        let (strength, contradicted) = (self.strength(), self.contradicted());
        let is_specific = determinant.iter().any(|at| profiles[dependent].column.values() * 2 >= profiles[*at].column.values());
        let falls_at_random = self.dispersal() >= CLEAR.3 && self.misplaced >= MISPLACED;
        let is_clear = contradicted <= CLEAR.0 && strength >= CLEAR.1 && self.clarity() >= CLEAR.2 && falls_at_random;
        let least = if contradicted <= 0.05 { 0.3 } else { 0.8 };
        let has_many_groups = self.groups.len() >= 8 || contradicted <= 0.02;
        let is_quantity = is_plain_number(&profiles[dependent]) && profiles[dependent].column.values() > 20;
        let filler = is_quantity.then(|| commonest(&profiles[dependent])).flatten();
        let (least, most) = if is_clear {
            (CLEAR.1, CLEAR.0)
        } else if is_quantity && strength < 0.9 {
            (least, 0.02)
        } else if is_specific && !is_quantity {
            (least, 0.45)
        } else {
            (least, 0.06)
        };
        let suits_days = contradicted <= BY_DAY.0 && strength >= BY_DAY.1;
        let may_decide = suits_days || can_name(profiles, &determinant);
        let is_rule = strength >= least && contradicted <= most && has_many_groups && may_decide;
        let trust = (0.55 + 0.5 * strength).min(0.97) * (self.dispersal() / 0.75).min(1.0);
        let doubt = contradicted.clamp(0.01, 0.6);
        (is_rule && trust >= 0.5 && !self.ends.show_change()).then(|| Ballot {
            is_rolled_up: is_rolled_up(profiles, &determinant, dependent),
            agreeing_by_chance: self.agreeing_by_chance(),
            determinant,
            dependent,
            trust,
            doubt,
            filler,
            source: None,
        })
    }
}

/// The value of a fifth of the rows or more.
fn commonest(profile: &Profile<'_>) -> Option<u32> {
    let (code, _, count) = profile.column.counted().max_by_key(|(code, _, count)| (*count, std::cmp::Reverse(*code)))?;
    (f64::from(count) > 0.2 * profile.rows).then_some(code)
}

/// Things that several sources tell of: where a column and another one (the source) make a key together, and the column
/// strongly determines something, what else it determines far beyond chance is told by vote, however much the sources differ.
/// That they differ in more than a quarter of something shows that they are sources.
fn sources(profiles: &[Profile<'_>], keys: &Keys) -> Vec<Ballot> {
    let mut best: BTreeMap<usize, (f64, usize, usize, Measured)> = BTreeMap::new();
    for (thing, source) in told_pairs(profiles, keys) {
        let values = profiles[thing].column.values();
        let is_specific = |at: &usize| profiles[*at].column.values() * 2 >= values;
        let others = (0..profiles.len()).filter(|at| *at != thing && *at != source && is_specific(at));
        let measured: Vec<(usize, Measured)> = others.map(|at| (at, Measured::of(profiles, &[thing], at))).collect();
        if measured.iter().all(|(_, measured)| measured.strength() <= 0.7) {
            continue;
        }
        for (at, measured) in measured {
            let strength = measured.strength();
            let is_known = best.get(&at).is_some_and(|(other, ..)| *other >= strength);
            if !is_known && Measured::of(profiles, &[source], at).strength() < strength {
                best.insert(at, (strength, thing, source, measured));
            }
        }
    }
    let disagree: HashSet<(usize, usize)> =
        best.values().filter(|(.., measured)| measured.contradicted() > 0.25).map(|(_, thing, source, _)| (*thing, *source)).collect();
    let told = best.into_iter().filter(|(_, (strength, thing, source, measured))| {
        *strength > 0.15 && measured.contradicted() > 0.03 && measured.dispersal() > 0.6 && disagree.contains(&(*thing, *source))
    });
    told.map(|(dependent, (strength, thing, source, measured))| Ballot {
        determinant: vec![thing],
        dependent,
        trust: 0.75 + 0.2 * strength,
        doubt: measured.contradicted().clamp(0.01, 0.6),
        filler: None,
        source: Some(source),
        is_rolled_up: false,
        agreeing_by_chance: 1.0,
    })
    .collect()
}

/// Whole numbers that read as years.
const YEARS: std::ops::Range<f64> = 1_700.0..2_200.0;
/// Rows beyond which no table is taken for what several sources tell.
const MOST_TOLD_ROWS: f64 = 1_000_000.0;

/// Pairs of a thing and a source: together they tell nearly all rows apart, each thing is told of several times, and each source
/// tells of several things.
fn told_pairs(profiles: &[Profile<'_>], keys: &Keys) -> Vec<(usize, usize)> {
    let is_small = profiles.first().is_none_or(|first| (first.column.coded.codes.len() as f64) < MOST_TOLD_ROWS);
    if profiles.len() > 30 || !is_small {
        return Vec::new();
    }
    let names_things = |at: &usize| {
        let values = profiles[*at].column.values() as f64;
        values >= 8.0 && profiles[*at].rows / values >= 4.0 && can_name(profiles, &[*at])
    };
    let names_sources = |at: &usize| {
        let values = profiles[*at].column.values();
        (3..300).contains(&values)
            && profiles[*at].rows / values as f64 >= 4.0
            && can_name(profiles, &[*at])
            && !is_of_years(&profiles[*at])
    };
    let things: Vec<usize> = (0..profiles.len()).filter(names_things).collect();
    let sources: Vec<usize> = (0..profiles.len()).filter(names_sources).collect();
    let pairs = things.iter().flat_map(|thing| sources.iter().map(|source| (*thing, *source)));
    pairs.filter(|(thing, source)| thing != source && tell_apart(profiles, keys, *thing, *source)).collect()
}

/// Whether nearly all values are years, whatever the column is called. A year tells nothing: what differs from one to the next has changed.
fn is_of_years(profile: &Profile<'_>) -> bool {
    let is_year = |number: f64| number.fract() == 0.0 && YEARS.contains(&number);
    let years = profile.numbers().iter().filter(|(number, ..)| is_year(*number));
    years.map(|(.., count)| f64::from(*count)).sum::<f64>() > 0.9 * profile.rows
}

/// Whether two columns are a key, or nearly one.
fn tell_apart(profiles: &[Profile<'_>], keys: &Keys, a: usize, b: usize) -> bool {
    let (a, b) = (a.min(b), a.max(b));
    if keys.keys.iter().any(|key| key.columns == [a, b]) {
        return true;
    }
    let mut twins = 0;
    groups(&[profiles[a].column, profiles[b].column], u64::MAX, |group| {
        twins += group.len() - 1;
        true
    });
    (twins as f64) < 0.12 * profiles[a].column.coded.codes.len() as f64
}
