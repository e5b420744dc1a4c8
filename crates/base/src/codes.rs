//! Error codes: what `headworks explain CODE` tells.

/// An explained error.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The code, such as `HW201`.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Why it happens and what to do, in a few sentences.
    pub text: &'static str,
}

/// The explanation of a code, in any case of letters.
pub fn code(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.code.eq_ignore_ascii_case(name))
}

macro_rules! codes {
    ($($code:literal $title:literal $text:literal)*) => {
        /// Every code, in the order of its number: 1xx project, 2xx sources, 3xx SQL and models, 4xx engine,
        /// 5xx warehouse, 6xx rules, 7xx runs.
        pub const CODES: &[Code] = &[$(Code { code: $code, title: $title, text: $text }),*];
    };
}

codes! {
    "HW101" "the YAML cannot be read" "The file is not valid YAML: a tab used for indentation, a key given twice, a missing colon or quote. The message marks the place. Indent with spaces, and give every key once."
    "HW102" "unknown key or choice" "A key or a choice that Headworks does not know stands in a project file. Nothing is ignored silently, because a mistyped `on_failure` would otherwise switch a rule off. The message names the nearest known one; `headworks schema` prints all of them."
    "HW103" "a key is missing" "A key that has no default is missing. The message names it and the place where it belongs."
    "HW104" "a value does not fit" "A value has the wrong type or form: text where a number belongs, a size without a unit."
    "HW105" "a secret cannot be resolved" "A reference such as `${env:SHOP_URL}` or `${file:secrets/shop}` names a variable that is not set or a file that cannot be read. Secrets are read at the moment they are used and are never stored or shown."
    "HW106" "this is no project" "No `headworks.yaml` was found in the folder. Go into a project, give `--project FOLDER`, or make one with `headworks init DATA…`."
    "HW107" "the command line cannot be read" "A command, an option or a value of the command line is not known or makes no sense, such as `--limit 0`. `headworks --help` lists the commands, `headworks COMMAND --help` what each takes."
    "HW108" "a file of the project is out of place" "A file cannot be read, has another ending than `.yaml` or `.sql`, belongs to no model, or has the name of another one. The message names the file; nothing is ignored silently."
    "HW201" "the source cannot be found" "No file matches the path, or the dataset does not exist in the source. Paths are relative to the project folder."
    "HW202" "the source holds no data" "The file is empty, or holds a header and no rows where rows are needed to tell the types of its columns."
    "HW203" "the file is not what its name says" "A file could not be read in the format that its name or its settings say: bytes that are no text in a `.csv`, a Parquet file without its footer, a broken gzip stream. Nothing of the file was loaded."
    "HW204" "the columns of the source changed" "A delivery lacks columns that the dataset had, or two of its columns have the same name. Columns that are new are added; columns that are missing need a decision, so nothing is loaded until it is made."
    "HW205" "too many malformed records" "More records than the source tolerates could not be read as rows, so nothing of it was loaded. Some are shown with file, line and reason; `headworks assess` of the files tells how many there are, and once the source tolerates them (`malformed: 5%`) each is kept in the quarantine of the dataset. Often the delimiter is wrong, or a column holds another type than it had in the first rows: declare it under `columns:` of the source."
    "HW206" "the database cannot be reached" "The database refused the connection, the password or the query. Passwords are never shown; look at the URL that the reference resolves to."
    "HW207" "the target cannot be brought to a version" "A table in a database that a model is delivered to (`deliver:`) is not as Headworks left it, belongs to somebody else, or the database does not allow what a delivery has to do: a column of the table is gone or has another type, a constraint that somebody added does not hold for the rows, a privilege is missing. Nothing of the delivery is visible, and readers see the version before. The message says what to change; the next run delivers all that is missing."
    "HW208" "a database cannot build the table from these rows" "A model with `engine: { push_down: … }` runs inside a database, and its rows do not allow that: values that no column of the engine could hold (`NaN` in a decimal, `infinity` in a date), values for which both sides differ (letters that are not in ASCII in `lower`), or rows with one key in a load by key. Nothing of the load is visible. The message says which rows; mend them in the SELECT, or remove `push_down`: the engine then builds the same model from copies of the rows."
    "HW301" "the SQL cannot be read" "The SELECT has a mistake. The message marks the place and, for an unknown name, gives the nearest known one."
    "HW302" "unknown table or model" "A FROM or a command names a table that is neither a dataset of a source (`source.dataset`) nor a model of the project, or one that no run has made yet. The message names the nearest known one."
    "HW303" "the models form a circle" "Each of the models reads the next one, so none can be first. Break the circle by moving the shared part into a model of its own."
    "HW304" "the key does not fit the rows" "The columns that should identify a row do not exist in the result of the model, or hold nulls."
    "HW305" "datasets cannot be followed together" "A model that joins two followed datasets would only see rows that arrive together: what arrived earlier in one and later in the other would miss each other. Follow one and read the other whole, or give each a model of its own and join these. The same goes for `append` without a key: a SELECT that returns rows which come of nothing new would add them again with each run."
    "HW306" "a rebuild would lose history" "A table with `load: snapshot` has versions from deliveries that the raw copy no longer holds, or one with `scd2`, `scd3` or `append` with a key was built from a raw copy of a database that is gone, or by a ledger that is: the source has no memory of them. The same holds where the raw copy of files is gone together with some of the files or with the ledger that knew them, and where promoting an environment would cost production such rows or history. Put back what is gone, or leave the table as it is and give a new definition another model name, or ask for the rebuild by name: `headworks run MODEL --rebuild`, `headworks promote NAME --rebuild`."
    "HW307" "no row tells its partition" "With `load: recompute` a run builds only the partitions that changed rows belong to. That needs an input whose rows each bear on one partition: its expression comes from columns of that input alone, and stands in every GROUP BY and every PARTITION BY on the way. Where that is so and cannot be seen, say it: `recompute: { from: { shop.orders: month(ordered_at) } }`."
    "HW308" "a test lacks rows" "A unit test names no rows for a dataset that its model reads, or gives no row of a table whose columns nobody knows. Give rows under `given:`, `[]` for none, and types under `types:` where they follow from nothing else."
    "HW309" "members cannot be inferred" "With `infer: { shop.orders: customer_id }` a dimension has a row for each key that a fact names, also before the row of the key arrives. That needs a load with a key by which the row can be completed (`upsert`, `scd1`, `scd2`, `scd3`), and an expression per key column over the dataset that gives values of the same kind. Where rows are deleted, `follow:` names a column, so that a key that was deleted is known for good."
    "HW310" "a change would take columns away" "A model, or what it reads, changed so that its table would lose a column, or have one of a type that does not hold all earlier values. Additions are applied; this is not, because whoever reads the table may miss it. Ask for it by name, `headworks run MODEL --rebuild` (`headworks promote dev --rebuild` for an environment), or keep the column in the SELECT; one that `partition_by` made, by leaving it there."
    "HW311" "a model cannot run inside the database" "With `engine: { push_down: postgres }` a SELECT and its load run inside PostgreSQL, and only where that comes to exactly what the engine would make of the same rows. The message marks what is not known to mean the same there, or a setting or an input that does not go with it. Write it in another way, or remove `push_down`: nothing else changes."
    "HW401" "the memory limit was reached" "A step needed more memory than `engine: { memory: … }` allows, also after it was tried again with joins and sorts that spill to disk. Where the process outgrows twice the limit within one part of a query, which cannot be broken off, the whole program ends at once: nothing of the steps that were at work is visible, what has been published stays, and the next run goes on where this one stopped. Raise the limit, or make the step smaller: select fewer columns, filter earlier, load in smaller windows."
    "HW402" "the disk limit was reached" "The step spilled more to disk than `engine: { disk: … }` allows, or the disk is full. Nothing was published. Free space or raise the limit, then run again: finished steps are not repeated."
    "HW403" "the budget of time was used up" "`--budget` says how long an assessment may take. What was read by then is told, with how far it is from the whole; where nothing was read, there is nothing to tell. Give it more time, or ask for less: `--columns-only`, or fewer tables."
    "HW404" "a stored measurement cannot be gone on from" "The file beside the assessment that `--update` goes on from is damaged, of other columns, or was written by another version or with another limit of memory. All files are read again then, which takes longer and loses nothing."
    "HW501" "the warehouse cannot be written" "A folder or file of the warehouse could not be written. Nothing became visible. Look at the permissions and the free space of the folder that the message names, then run again."
    "HW502" "another writer changed the table" "While the batch was planned or staged, somebody else committed to the same table. The batch was discarded and nothing is lost; run again. If another machine runs the project too, let one of them alone do so."
    "HW503" "no such version" "The table has no version of that number, or its files were removed by retention. `headworks status --table NAME` lists the versions."
    "HW504" "the environment cannot be promoted" "Production would lose rows, or what the environment has built does not belong to the code and the data as they are now. Nothing was changed. `headworks run --env NAME` brings the environment up to date; then promote again. Where its sources have nothing more to read, `headworks env drop NAME` and another run begin with what production has."
    "HW505" "no such environment" "No run has built anything in an environment of that name. `headworks env list` lists those that are there; `headworks run --env NAME` makes one."
    "HW506" "the object store does not do what it is asked for" "The bucket is not there, the store refuses the credentials or denies access, it cannot be reached, or it would write over what is there, so that two runs could overwrite each other's commits. The message says which request failed and what the store said, without any secret. Nothing became visible that was not committed; correct the settings of `warehouse:` or the environment, and run again."
    "HW601" "data was blocked by a rule" "A rule with `on_failure: block` broke, so nothing of the step became visible and readers keep the version before. Fix the data at its source, let the model handle it, send the rows to quarantine with `on_failure: quarantine`, or set a tolerance or `on_failure: alert` if it is acceptable."
    "HW602" "a rule cannot be judged" "The rule names a column that the table does not have, or its expression is no valid SQL. A rule that cannot be judged has not held."
    "HW603" "no such row in quarantine" "No row in quarantine meets the options, or nothing of the table waits. `headworks quarantine list` counts what waits by table and rule, `headworks quarantine show TABLE` shows the rows."
    "HW604" "the table has to be loaded first" "The model has changed, or its table was never loaded or was rolled back, so that the rows in its quarantine are not those that the next run would keep out. Run it, then decide about what still waits."
    "HW605" "rows cannot wait for other rows" "A rule on rows together (`unique`, `referential`) is to put rows into quarantine where the table would then depend on when rows arrive and in which batches: with a load that lets a later row change what an earlier one was judged by, in a raw copy, or where a table refers to itself. The message says what to change; `on_failure: block` and `alert` work everywhere."
    "HW701" "a run is going on" "Two runs of one project would write the same tables. The second is refused; wait for the first to end. The lock is released by the operating system when the process ends, however it ends."
    "HW702" "the ledger cannot be used" "The file `.headworks/ledger.db` cannot be opened or written. If it was damaged, move it away: the next run takes over the raw copies, rebuilds its tables from them, and leaves history alone that they do not tell (HW306). Or it is not the ledger of this warehouse: the tables are older or newer than it, or those of another project."
    "HW703" "the run was interrupted" "Ctrl-C or a signal ended the run. Steps that had published stay published; the others left nothing visible. The next `headworks run` continues."
    "HW704" "a step took too long" "The step did not end within its `timeout`, so it was broken off. Nothing of it is visible and what it had staged is removed; steps that do not need it went on. The next run tries it again. Where the step is busy with a part of its query that cannot be interrupted, the program ends without waiting for it, as soon as the other steps are through; the next run then removes what it had staged, and goes on where this one stopped. A query that waits for a lock, or a source that has stopped answering, looks like this; where the work has grown, raise `timeout` of the model or of the source."
    "HW705" "windows cannot be filled" "`headworks backfill` builds windows: the partitions by time of a model with `load: recompute`. Other loads have none: `replace` builds the whole table, and what is loaded by arrival (`append`, `upsert`, `scd…`) takes rows of any age when they come, so nothing of it is ever missing; `headworks run MODEL --rebuild` builds such a table from the raw copies. A model that has changed is built anew by the next run before windows of it are filled."
    "HW901" "a bug in Headworks" "Headworks broke one of its own promises. Nothing became visible. Please report the message with the command that led to it."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        assert!(code("hw201").is_some() && code("HW999").is_none());
    }
}
