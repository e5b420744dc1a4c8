//! The contract of every connector, and sources as a project names them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::SessionContext;
use hw_base::{DatasetName, Delivery, Settings, Sources};
use hw_engine::LiveTables;
use serde_json::{Value as Json, json};

use super::CONNECTORS;
use crate::{ProjectSources, Secrets, open_path};

fn project(root: &Path, sources: &Json, live: &LiveTables) -> hw_base::Result<ProjectSources> {
    let read: Vec<(String, Settings)> =
        sources.as_object().unwrap().iter().map(|(name, settings)| (name.clone(), Settings::from_json(settings))).collect();
    let secrets: Secrets = Arc::new(|text| Ok(text.to_owned()));
    ProjectSources::new(root, &read, live.clone(), &secrets)
}

fn write_parquet(path: &Path, ids: Vec<i64>) {
    let names: StringArray = ids.iter().map(|id| Some(format!("n{id}"))).collect();
    let columns: [(&str, ArrayRef); 2] = [("id", Arc::new(Int64Array::from(ids))), ("name", Arc::new(names))];
    write_batch(path, &RecordBatch::try_from_iter(columns).unwrap());
}

fn write_batch(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn write_avro(path: &Path) {
    let columns: [(&str, ArrayRef); 2] =
        [("id", Arc::new(Int64Array::from(vec![1, 2]))), ("name", Arc::new(StringArray::from(vec!["n1", "n2"])))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let schema = batch.schema().as_ref().clone();
    let codec = Some(arrow_avro::compression::CompressionCodec::Snappy);
    let builder = arrow_avro::writer::WriterBuilder::new(schema).with_compression(codec);
    let mut writer = builder.build::<_, arrow_avro::writer::format::AvroOcfFormat>(fs::File::create(path).unwrap()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

/// A folder with one small dataset of every kind.
fn landing() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let landing = folder.path().join("landing/orders");
    fs::create_dir_all(&landing).unwrap();
    fs::write(landing.join("a.csv"), "id,name\n1,n1\n2,n2\n").unwrap();
    fs::write(landing.join("a.ndjson"), "{\"id\":1,\"name\":\"n1\"}\n{\"id\":2,\"name\":\"n2\"}\n").unwrap();
    write_parquet(&landing.join("a.parquet"), vec![1, 2]);
    write_avro(&landing.join("a.avro"));
    let database = rusqlite::Connection::open(landing.join("a.db")).unwrap();
    database.execute_batch("create table orders (id integer, name text); insert into orders values (1, 'n1'), (2, 'n2')").unwrap();
    folder
}

async fn sum(live: &LiveTables, relation: &str) -> i64 {
    let context = SessionContext::new();
    context.register_table("t", live.find(relation).unwrap()).unwrap();
    let batches = context.sql("select sum(id) as total from t where name like 'n%'").await.unwrap().collect().await.unwrap();
    batches[0].column(0).as_any().downcast_ref::<Int64Array>().unwrap().value(0)
}

#[test]
fn every_file_of_the_shelf_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/connectors");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut kinds: Vec<String> = names.map(|name| name.trim_end_matches(".rs").to_owned()).collect();
    kinds.retain(|kind| !matches!(kind.as_str(), "mod" | "tests"));
    kinds.sort();
    let mut table: Vec<&str> = CONNECTORS.iter().map(|connector| connector.kind()).collect();
    table.sort_unstable();
    assert_eq!(table, kinds);
}

#[test]
fn every_connector_has_a_summary_and_a_schema_that_describes_each_setting() {
    for connector in CONNECTORS {
        assert!(!connector.summary().is_empty());
        let mut generator = schemars::SchemaGenerator::default();
        let _ = connector.schema(&mut generator);
        for (name, schema) in generator.definitions() {
            for (key, setting) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
                assert!(setting.get("description").is_some(), "`{key}` of {name} has no description");
            }
        }
    }
}

#[test]
fn every_connector_refuses_unknown_keys_and_explains_a_missing_place() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for connector in CONNECTORS.iter().filter(|connector| connector.schemes().is_empty()) {
        let (kind, live) = (connector.kind(), LiveTables::default());
        let wrong = project(folder.path(), &json!({ "shop": { kind: { "path": "x", "pth": "y" } } }), &live).map(drop).unwrap_err();
        assert!(wrong.to_string().contains("did you mean `path`?"), "{wrong}");
        let sources = project(folder.path(), &json!({ "shop": { kind: { "path": "no/such" } } }), &live).unwrap();
        let missing = runtime.block_on(sources.survey(&DatasetName::new("shop", "such"))).unwrap_err();
        assert!(missing.known_code() == Some("HW201") && !missing.remedies().is_empty(), "{missing}");
    }
}

#[tokio::test]
async fn datasets_are_surveyed_and_opened_again_and_again() {
    let folder = landing();
    let live = LiveTables::default();
    let settings = json!({
        "c": { "csv": { "path": "landing/orders/*.csv", "columns": { "id": "bigint" } } },
        "j": { "json": { "path": { "events": "landing/orders/*.ndjson" } } },
        "p": { "parquet": { "path": "landing/orders" } },
        "a": { "avro": { "path": "landing/orders" } },
        "s": { "sqlite": { "path": { "events": "landing/*/*.db#orders" } } },
    });
    let sources = project(folder.path(), &settings, &live).unwrap();
    let names: Vec<String> = sources.datasets().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["c.orders", "j.events", "p.orders", "a.orders", "s.events"]);
    for dataset in sources.datasets() {
        let survey = sources.survey(&dataset).await.unwrap();
        let delivery = Delivery { files: survey.files, ..Delivery::default() };
        let first = sources.open(&dataset, &delivery).await.unwrap();
        let second = sources.open(&dataset, &Delivery { expected: first.columns.clone(), ..Delivery::default() }).await.unwrap();
        assert_ne!(first.relation, second.relation);
        assert_eq!(first.columns, second.columns);
        let types: Vec<&str> = first.columns.iter().map(|column| column.sql_type.as_str()).collect();
        assert_eq!(types, ["bigint", "text"]);
        assert_eq!((sum(&live, &first.relation).await, sum(&live, &second.relation).await), (3, 3));
    }
}

#[tokio::test]
async fn settings_of_a_csv_are_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.txt"), "made by hand\nid;zip;'note'\n% none\n1;007;'a;b'\nNULL;008;-\n").unwrap();
    let settings = json!({ "s": { "csv": {
        "path": "t.txt", "delimiter": ";", "quote": "'", "comment": "%", "skip_rows": 1, "null": ["NULL", "-"], "columns": { "id": "int" },
    } } });
    let live = LiveTables::default();
    let sources = project(folder.path(), &settings, &live).unwrap();
    let dataset = DatasetName::new("s", "t");
    let opened = sources.open(&dataset, &Delivery::default()).await.unwrap();
    let types: Vec<&str> = opened.columns.iter().map(|column| column.sql_type.as_str()).collect();
    assert_eq!((types, sources.malformed(&dataset).unwrap().to_string().as_str()), (vec!["int", "text", "text"], "1 %"));
    let context = SessionContext::new();
    context.register_table("t", live.find(&opened.relation).unwrap()).unwrap();
    let sql =
        "select count(*) from t where _malformed is null and ((id = 1 and note = 'a;b' and _line = 4) or (id is null and note is null))";
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    assert_eq!(batches[0].column(0).as_any().downcast_ref::<Int64Array>().unwrap().value(0), 2);
}

#[tokio::test]
async fn a_truncated_parquet_file_and_a_changed_type_are_refused() {
    let folder = landing();
    let path = folder.path().join("landing/orders/a.parquet");
    let live = LiveTables::default();
    let sources = project(folder.path(), &json!({ "p": { "parquet": { "path": "landing/orders" } } }), &live).unwrap();
    let dataset = DatasetName::new("p", "orders");
    let mut expected = sources.open(&dataset, &Delivery::default()).await.unwrap().columns;
    expected[1].sql_type = "date".into();
    let error = sources.open(&dataset, &Delivery { expected, ..Delivery::default() }).await.unwrap_err();
    assert!(error.to_string().starts_with("error[HW204]: column `name` is text in `landing/orders/a.parquet`"), "{error}");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    let error = sources.open(&dataset, &Delivery::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("error[HW203]: `landing/orders/a.parquet` is no whole Parquet file"), "{error}");
}

/// Writes the log of a Delta table of the columns `id` and `name` whose only file is `orders/FILE`.
fn write_delta(folder: &Path, file: &str, protocol: &Json, metadata: &Json, more: &Json) {
    let log = folder.join("orders/_delta_log");
    fs::create_dir_all(&log).unwrap();
    let fields = metadata["fields"].clone();
    let schema = json!({ "type": "struct", "fields": fields }).to_string();
    let (partitions, configuration) = (metadata["partitions"].clone(), metadata["configuration"].clone());
    let format = json!({ "provider": "parquet", "options": {} });
    let metadata = json!({ "metaData": { "id": "11111111-2222-4333-8444-555555555555", "format": format, "schemaString": schema,
        "partitionColumns": partitions, "configuration": configuration, "createdTime": 0 } });
    let bytes = fs::metadata(folder.join("orders").join(file)).unwrap().len();
    let mut add = json!({ "path": file, "partitionValues": {}, "size": bytes, "modificationTime": 0, "dataChange": true });
    add.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let entry = [json!({ "protocol": protocol }), metadata, json!({ "add": add })].map(|action| action.to_string()).join("\n");
    fs::write(log.join("00000000000000000000.json"), entry).unwrap();
}

fn delta_field(name: &str, sql_type: &str, metadata: &Json) -> Json {
    json!({ "name": name, "type": sql_type, "nullable": true, "metadata": metadata })
}

async fn delta_columns_and_sum(folder: &Path) -> (Vec<String>, i64) {
    let live = LiveTables::default();
    let opened = open_path(folder, "orders", &live).await.unwrap();
    assert_eq!((opened.kind, opened.is_empty), ("delta", false));
    let columns = opened.delivered.columns.iter().map(|column| format!("{} {}", column.name, column.sql_type)).collect();
    (columns, sum(&live, &opened.delivered.relation).await)
}

#[tokio::test]
async fn a_delta_table_is_read_with_plain_types_in_the_order_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("orders/name=n1")).unwrap();
    let ids: [(&str, ArrayRef); 1] = [("id", Arc::new(Int64Array::from(vec![1, 2])))];
    write_batch(&folder.path().join("orders/name=n1/a.parquet"), &RecordBatch::try_from_iter(ids).unwrap());
    let fields = [delta_field("name", "string", &json!({})), delta_field("id", "long", &json!({}))];
    let metadata = json!({ "fields": fields, "partitions": ["name"], "configuration": {} });
    let protocol = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
    write_delta(folder.path(), "name=n1/a.parquet", &protocol, &metadata, &json!({ "partitionValues": { "name": "n1" } }));
    assert_eq!(delta_columns_and_sum(folder.path()).await, (vec!["name text".into(), "id bigint".into()], 3));
}

#[tokio::test]
async fn rows_that_a_deletion_vector_names_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("orders")).unwrap();
    write_parquet(&folder.path().join("orders/a.parquet"), (0..30).collect());
    let fields = [delta_field("id", "long", &json!({})), delta_field("name", "string", &json!({}))];
    let metadata = json!({ "fields": fields, "partitions": [], "configuration": { "delta.enableDeletionVectors": "true" } });
    let features = ["deletionVectors"];
    let protocol = json!({ "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features });
    // Rows 3, 4, 7, 11, 18 and 29.
    let vector = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
    let gone = json!({ "deletionVector": { "storageType": "i", "pathOrInlineDv": vector, "sizeInBytes": 44, "cardinality": 6 } });
    write_delta(folder.path(), "a.parquet", &protocol, &metadata, &gone);
    let left = (0..30).sum::<i64>() - (3 + 4 + 7 + 11 + 18 + 29);
    assert_eq!(delta_columns_and_sum(folder.path()).await, (vec!["id bigint".into(), "name text".into()], left));
}

#[tokio::test]
async fn renamed_columns_of_a_delta_table_have_their_new_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("orders")).unwrap();
    let columns: [(&str, ArrayRef); 2] =
        [("col-1", Arc::new(Int64Array::from(vec![1, 2]))), ("col-2", Arc::new(StringArray::from(vec!["n1", "n2"])))];
    write_batch(&folder.path().join("orders/a.parquet"), &RecordBatch::try_from_iter(columns).unwrap());
    let mapped = |id: i64| json!({ "delta.columnMapping.id": id, "delta.columnMapping.physicalName": format!("col-{id}") });
    let fields = [delta_field("id", "long", &mapped(1)), delta_field("name", "string", &mapped(2))];
    let configuration = json!({ "delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2" });
    let metadata = json!({ "fields": fields, "partitions": [], "configuration": configuration });
    write_delta(folder.path(), "a.parquet", &json!({ "minReaderVersion": 2, "minWriterVersion": 5 }), &metadata, &json!({}));
    assert_eq!(delta_columns_and_sum(folder.path()).await, (vec!["id bigint".into(), "name text".into()], 3));
}

#[tokio::test]
async fn files_from_before_a_column_was_widened_have_its_present_type() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("orders")).unwrap();
    let columns: [(&str, ArrayRef); 2] =
        [("id", Arc::new(Int32Array::from(vec![1, 2]))), ("name", Arc::new(StringArray::from(vec!["n1", "n2"])))];
    write_batch(&folder.path().join("orders/a.parquet"), &RecordBatch::try_from_iter(columns).unwrap());
    let widened = json!({ "delta.typeChanges": [{ "fromType": "integer", "toType": "long" }] });
    let fields = [delta_field("id", "long", &widened), delta_field("name", "string", &json!({}))];
    let metadata = json!({ "fields": fields, "partitions": [], "configuration": { "delta.enableTypeWidening": "true" } });
    let features = ["typeWidening"];
    let protocol = json!({ "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features });
    write_delta(folder.path(), "a.parquet", &protocol, &metadata, &json!({}));
    assert_eq!(delta_columns_and_sum(folder.path()).await, (vec!["id bigint".into(), "name text".into()], 3));
}

#[tokio::test]
async fn paths_without_a_project_are_recognised() {
    let folder = landing();
    let live = LiveTables::default();
    for (path, kind) in [
        ("landing/orders/a.csv", "csv"),
        ("landing/orders/*.ndjson", "json"),
        ("landing/orders/a.parquet", "parquet"),
        ("landing/orders/a.avro", "avro"),
        ("landing/orders/a.db", "sqlite"),
    ] {
        let opened = open_path(folder.path(), path, &live).await.unwrap();
        assert_eq!((opened.kind, opened.files.len(), opened.is_empty), (kind, 1, false));
        assert_eq!(sum(&live, &opened.delivered.relation).await, 3);
    }
    fs::rename(folder.path().join("landing/orders/a.parquet"), folder.path().join("landing/x.csv")).unwrap();
    let error = open_path(folder.path(), "landing/x.csv", &live).await.unwrap_err().to_string();
    assert!(error.starts_with("error[HW203]: `landing/x.csv` is a Parquet file"), "{error}");
    let error = open_path(folder.path(), "landing/y.csv", &live).await.unwrap_err().to_string();
    assert!(error.contains("did you mean `landing/x.csv`?"), "{error}");
}
